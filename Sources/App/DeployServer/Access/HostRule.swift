package import Hummingbird

/// Answers under the names only that the service knows as its own.
///
/// A page of a stranger whose name was made to point here (DNS rebinding) asks under the stranger's name.
package struct HostRule: RouterMiddleware {
    /// What a machine asks by address, and what tells nobody anything.
    private static let free: Set<String> = ["/livez", "/readyz"]

    private let settings: AccessSettings

    package init(_ settings: AccessSettings) { self.settings = settings }

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard !Self.free.contains(request.uri.path) else { return try await next(request, context) }
        guard let text = request.head.authority,
            let authority = Authority(text, scheme: settings.scheme)
        else { throw Problem(.badRequest, "the request does not say which host it is for") }
        guard Authority.loopback.contains(authority.host) || settings.hosts.contains(authority.host) else {
            throw Problem(
                .misdirectedRequest,
                "this service does not answer as `\(authority.host)`; "
                    + "if that is its name, start it with `--host \(authority.host)`"
            )
        }
        return try await next(request, context)
    }
}
