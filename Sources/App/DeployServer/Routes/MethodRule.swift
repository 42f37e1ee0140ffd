import HTTPTypes
import Hummingbird

/// Tells whoever asks a path of the API by another method which it takes.
struct MethodRule: RouterMiddleware {
    private let paths = OpenAPI.methods

    func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let asked = request.uri.path.split(separator: "/")
        let method = request.method == .head ? HTTPRequest.Method.get : request.method
        if let methods = paths.first(where: { Self.matches($0.path, asked) })?.methods,
            !methods.contains(method.rawValue)
        {
            let allowed = methods.joined(separator: ", ")
            var problem = Problem(.methodNotAllowed, "what can be done here is \(allowed)")
            problem.headers[.allow] = allowed
            throw problem
        }
        return try await next(request, context)
    }

    /// A part of `path` in braces stands for anything.
    private static func matches(_ path: [Substring], _ asked: [Substring]) -> Bool {
        path.count == asked.count && zip(path, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}
