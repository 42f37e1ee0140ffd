import HTTPTypes
package import Hummingbird

/// Says to browsers, with each answer, what they may not do with it.
package struct AnswerHeaders: RouterMiddleware {
    /// No script, style or frame but our own files: what a step printed stays text even if it got into a page.
    package static let contentSecurityPolicy = [
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self' data:",
        "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
    ].joined(separator: "; ")

    private static let all: [(HTTPField.Name, String)] = [
        (.contentSecurityPolicy, contentSecurityPolicy),
        (.xContentTypeOptions, "nosniff"),
        // Not `no-referrer`: with it browsers send `Origin: null` with forms, which ``WriteRules`` refuses.
        (.referrerPolicy, "same-origin"),
        (.permissionsPolicy, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (.crossOriginOpenerPolicy, "same-origin"),
        (.crossOriginResourcePolicy, "same-origin"),
        (.cacheControl, "no-store"),
    ]

    package init() {}

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        // A page that says better itself is left so: a file that may be kept, a report with a style of its own.
        for (name, value) in Self.all where response.headers[name] == nil { response.headers[name] = value }
        response.headers[.requestID] = context.requestID
        if response.status == .unauthorized {
            response.headers[.wwwAuthenticate] = "Bearer realm=\"bgdeploy\""
        }
        // The answer to HEAD has the headers of GET, a problem's too, and nothing after them.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension HTTPField.Name {
    static let referrerPolicy = named("Referrer-Policy")
    static let permissionsPolicy = named("Permissions-Policy")
    static let crossOriginOpenerPolicy = named("Cross-Origin-Opener-Policy")
    static let requestID = named("X-Request-Id")
    static let forwardedFor = named("X-Forwarded-For")
    static let fetchSite = named("Sec-Fetch-Site")
    static let idempotencyKey = named("Idempotency-Key")
    static let csrf = named("X-Bgdeploy-CSRF")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("a header's name") }
        return name
    }
}
