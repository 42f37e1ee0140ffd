import DeployCore
import DeployOperations
package import DeployPorts
package import Hummingbird

/// Everything between a connection and a route: who asks, and whether a browser was made to.
package struct Access: Sendable {
    package let tokens: Tokens
    package let sessions: Sessions
    package let idempotency: Idempotency
    package let leftovers: Leftovers
    package let settings: AccessSettings
    private let clock: any Timekeeper
    private let limiter = FailureLimiter()

    package init(
        _ records: any RecordStore,
        journal: any RunStore,
        clock: any Timekeeper,
        settings: AccessSettings = AccessSettings()
    ) {
        tokens = Tokens(records, ledger: TokenLedger(journal, clock: clock), clock: clock)
        sessions = Sessions(records, tokens: tokens, clock: clock)
        idempotency = Idempotency(records, clock: clock)
        leftovers = Leftovers(records, clock: clock)
        self.settings = settings
        self.clock = clock
    }

    /// To be called before any route is added.
    package func add(to router: Router<ServerContext>) {
        router.add(middleware: AnswerHeaders())
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: SourceAddress(settings))
        router.add(middleware: HostRule(settings))
        router.add(middleware: MethodRule())
        router.add(
            middleware: Authentication(
                tokens: tokens,
                sessions: sessions,
                settings: settings,
                clock: clock,
                limiter: limiter
            )
        )
        router.add(middleware: WriteRules(settings, clock: clock))
    }

    /// Whether the token or the session of a request that was let in is good still; for answers that take long.
    ///
    /// While the records cannot be read nothing has changed that is known of.
    func stillLets(_ request: Request, _ context: ServerContext) async -> Bool {
        do throws(RunStoreError) {
            if let secret = Authentication.bearer(of: request) {
                return try await tokens.principal(bearing: secret, from: context.source) != nil
            }
            guard context.session != nil else { return true }
            let cookie = request.cookies[settings.cookieName]?.value ?? ""
            return try await sessions.session(cookie, from: context.source) != nil
        } catch {
            return true
        }
    }

    // MARK: browsers

    /// Logs a browser in: the `Set-Cookie` of the answer, or `nil` for a token that is no good.
    ///
    /// Fails with 429 when too many that are no good came from there.
    package func logIn(with secret: String, _ context: ServerContext) async throws -> Cookie? {
        do throws(RunStoreError) {
            if let value = try await sessions.open(bearing: secret) {
                return cookie(value, Sessions.lifetime)
            }
        } catch {
            throw Problem(CommandFailure(error))
        }
        if let problem = limiter.refusal(of: context.source, at: clock.now()) { throw problem }
        return nil
    }

    /// Logs the browser of this request out: the `Set-Cookie` of the answer.
    package func logOut(_ request: Request) async throws -> Cookie {
        do throws(RunStoreError) {
            if let value = request.cookies[settings.cookieName]?.value { try await sessions.close(value) }
        } catch {
            throw Problem(CommandFailure(error))
        }
        return cookie("", .zero)
    }

    private func cookie(_ value: String, _ lifetime: Span) -> Cookie {
        Cookie(
            name: settings.cookieName,
            value: value,
            maxAge: Int(lifetime.milliseconds / 1000),
            path: "/",
            secure: settings.isBehindProxy,
            httpOnly: true,
            sameSite: .strict
        )
    }
}
