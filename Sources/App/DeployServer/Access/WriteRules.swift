import DeployCore
package import DeployPorts
import HTTPTypes
package import Hummingbird
import NIOCore

/// What a request has to bring before it may change anything.
///
/// A browser sends cookies, and forms, also for a page of a stranger; but not with our origin, not as JSON without
/// asking first, and not with the session's CSRF token.
package struct WriteRules: RouterMiddleware {
    /// In bytes.
    package static let bodyLimit = 1 << 20
    private static let bodyTime = Span.seconds(30)
    private static let reading: Set<HTTPRequest.Method> = [.get, .head, .options]

    private let settings: AccessSettings
    private let clock: any Timekeeper

    package init(_ settings: AccessSettings, clock: any Timekeeper) {
        self.settings = settings
        self.clock = clock
    }

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard !Self.reading.contains(request.method) else { return try await next(request, context) }
        let isAPI = request.uri.path.hasPrefix("/v1/")
        try checkOrigin(of: request, isBrowser: context.session != nil || !isAPI)
        var request = request
        let body = try await body(of: request)
        request.body = RequestBody(buffer: body)
        let kind = Self.contentType(of: request)
        if body.readableBytes > 0 {
            guard kind == "application/json" || (!isAPI && kind == "application/x-www-form-urlencoded") else {
                throw Problem(.unsupportedMediaType, "the body must be application/json")
            }
        }
        if let session = context.session, request.uri.path != "/login" {
            let form = kind == "application/x-www-form-urlencoded" ? Self.field("csrf", in: body) : nil
            guard Secret.areEqual(request.headers[.csrf] ?? form ?? "", session.csrf) else {
                throw Problem(.forbidden, "the form is not of this session; load the page again")
            }
        }
        return try await next(request, context)
    }

    /// A page of another origin, also one of another port of this host, asks for nothing here.
    private func checkOrigin(of request: Request, isBrowser: Bool) throws {
        let refused = Problem(.forbidden, "this must be asked for by a page of this service")
        if let site = request.headers[.fetchSite], site != "same-origin", site != "none" { throw refused }
        guard let origin = request.headers[.origin] else {
            if isBrowser { throw refused }
            return
        }
        let own = request.head.authority.flatMap { Authority($0, scheme: settings.scheme) }
        guard let own, own == Authority(origin: origin, scheme: settings.scheme) else { throw refused }
    }

    /// A client that sends it drop by drop is not waited for.
    private func body(of request: Request) async throws -> ByteBuffer {
        let declared = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        let large = Problem(.contentTooLarge, "the body has more than \(Self.bodyLimit) bytes")
        guard declared <= Self.bodyLimit else { throw large }
        let clock = clock
        return try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask {
                do {
                    return try await request.body.collect(upTo: Self.bodyLimit)
                } catch is NIOTooManyBytesError {
                    throw large
                }
            }
            group.addTask {
                try await clock.sleep(for: Self.bodyTime)
                return nil
            }
            defer { group.cancelAll() }
            guard let body = try await group.next() ?? nil else {
                throw Problem(.requestTimeout, "the body did not arrive within \(Self.bodyTime)")
            }
            return body
        }
    }

    private static func contentType(of request: Request) -> String? {
        request.headers[.contentType]?.split(separator: ";").first.map {
            $0.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
    }

    /// Of a form whose values need no decoding.
    private static func field(_ name: String, in body: ByteBuffer) -> String? {
        let fields = String(buffer: body).split(separator: "&")
        return fields.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
    }
}
