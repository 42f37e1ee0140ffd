package import Hummingbird
import Logging
import NIOCore

/// Finds out where a request comes from when a proxy stands before the service.
///
/// Only the last hop of `X-Forwarded-For` is what the proxy itself saw; what stands before it anybody may have
/// written. Without a proxy the header is worth nothing.
package struct SourceAddress: RouterMiddleware {
    private let settings: AccessSettings

    package init(_ settings: AccessSettings) { self.settings = settings }

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        if settings.isBehindProxy, let hop = Self.lastHop(of: request) { context.source = hop }
        context.logger[metadataKey: "source"] = .string(context.source)
        return try await next(request, context)
    }

    private static func lastHop(of request: Request) -> String? {
        guard let last = request.headers[values: .forwardedFor].last?.split(separator: ",").last else {
            return nil
        }
        let text = last.filter { $0 != " " && $0 != "\t" }
        guard text.utf8.count <= 45 else { return nil }
        return (try? SocketAddress(ipAddress: String(text), port: 0))?.ipAddress
    }
}
