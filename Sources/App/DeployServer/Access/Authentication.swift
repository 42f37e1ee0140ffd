import DeployCore
import DeployOperations
import DeployPorts
import HTTPTypes
package import Hummingbird
import Logging

/// Finds out who asks: by the token in the request, else by the peer of the unix socket, else by a session's cookie.
///
/// Whoever shows nothing has no principal and is told so by what he asks for. A token that is no good is refused at
/// once, whatever is wrong with it in the same words.
package struct Authentication: RouterMiddleware {
    private let tokens: Tokens
    private let sessions: Sessions
    private let settings: AccessSettings
    private let clock: any Timekeeper
    private let limiter: FailureLimiter

    init(
        tokens: Tokens,
        sessions: Sessions,
        settings: AccessSettings,
        clock: any Timekeeper,
        limiter: FailureLimiter
    ) {
        self.tokens = tokens
        self.sessions = sessions
        self.settings = settings
        self.clock = clock
        self.limiter = limiter
    }

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        do throws(RunStoreError) {
            try await identify(request, &context)
        } catch {
            throw Problem(CommandFailure(error))
        }
        if context.principal == nil, request.headers[.authorization] != nil {
            throw refusal(of: request, context)
        }
        if let principal = context.principal {
            context.logger[metadataKey: "actor"] = .string(principal.actor.name)
        }
        return try await next(request, context)
    }

    private func identify(_ request: Request, _ context: inout ServerContext) async throws(RunStoreError) {
        if request.headers[.authorization] != nil {
            guard let secret = Self.bearer(of: request) else { return }
            context.principal = try await tokens.principal(bearing: secret, from: context.source)
        } else if let principal = await peer(request, context) {
            context.principal = principal
        } else if let cookie = request.cookies[settings.cookieName]?.value {
            context.session = try await sessions.session(cookie, from: context.source)
            context.principal = context.session?.principal
        }
    }

    /// `Bearer` in any capitals, then the token (RFC 6750).
    static func bearer(of request: Request) -> String? {
        guard let parts = request.headers[.authorization]?.split(separator: " ", maxSplits: 1),
            parts.count == 2, parts[0].lowercased() == "bearer"
        else { return nil }
        return String(parts[1])
    }

    /// A proxy at the socket is a peer too, and speaks for strangers: whoever forwards has no credentials of his own.
    private func peer(_ request: Request, _ context: ServerContext) async -> Principal? {
        let isForwarded = request.headers.contains { field in
            Self.forwarding.contains { field.name.canonicalName.hasPrefix($0) }
        }
        guard let peers = settings.peers, !isForwarded, let peer = await PeerRoles.peer(of: context.channel)
        else { return nil }
        guard let principal = peers.principal(of: peer) else {
            context.logger.notice(
                "peer has no role",
                metadata: ["uid": "\(peer.user)", "pid": "\(peer.process)"]
            )
            return nil
        }
        return principal
    }

    /// How the headers begin that proxies add.
    private static let forwarding = ["x-forwarded", "forwarded", "x-real-ip", "via"]

    private func refusal(of request: Request, _ context: ServerContext) -> Problem {
        context.logger.notice("token refused", metadata: ["path": "\(request.uri.path)"])
        return limiter.refusal(of: context.source, at: clock.now())
            ?? Problem(.unauthorized, "the token is not known, has expired or was revoked")
    }
}
