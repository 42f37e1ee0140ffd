package import DeployCore
package import DeployPorts
import Synchronization

/// A balancer on another host, changed there by the bgdeploy of that host, over SSH.
///
/// Everything that a local balancer promises is promised by the driver at the host. What is added is the wire:
/// an answer that does not come leaves a change `.unknown`, since it may have been made, and everything else
/// `.unreachable`; and nothing that was given up here begins there.
package final class RemoteBalancer: LoadBalancer {
    package let name: String
    package let method: String
    private let line: RemoteLine
    private let limits: RemoteLimits
    /// The changes that wait for their end, each with the session in which it was staged.
    private let staged = Mutex<[StagedSplit: (session: RemoteSession, number: Int)]>([:])

    /// `local` is the same entry read here, for its name and method; it is never asked for anything else.
    init(_ local: any LoadBalancer, _ line: RemoteLine) {
        name = "\(local.name) on \(line.place.host)"
        method = local.method
        self.line = line
        limits = line.place.limits
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        let session = try await line.current()
        let seen = try await observation(session, .observe, limits.looking)
        let (there, here) = (session.opened.bgdeploy, line.place.version)
        guard there != here else { return seen }
        let remark = "bgdeploy \(there) runs on \(line.place.host), \(here) here: install the same on both"
        return BalancerObservation(
            split: seen.split,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: seen.remarks + [remark]
        )
    }

    package func inspect() async throws(LoadBalancerError) { _ = try await ask(.inspect, limits.changing) }

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        guard case .change(let value) = try await ask(.render(split: split)) else { throw odd() }
        return value.change
    }

    package func mark() async throws(LoadBalancerError) -> BalancerMark {
        guard case .mark(let value) = try await ask(.mark) else { throw odd() }
        return value
    }

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        guard case .count(let value?) = try await ask(.connections(environment: environment)) else {
            throw odd()
        }
        return value
    }

    package func installation() async throws(LoadBalancerError) -> Installation {
        guard case .installation(let changes, let remarks) = try await ask(.installation, limits.changing)
        else { throw odd() }
        return Installation(changes: changes.map(\.change), remarks: remarks)
    }

    // MARK: changing

    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        let session = try await line.current()
        let call = HostCall.stage(split: split, token: token, isReturn: isReturn)
        guard case .staged(let number) = try await answer(session, call, limits.changing) else { throw odd() }
        let change = StagedSplit(balancer: name, split: split, token: token)
        staged.withLock { $0[change] = (session, number) }
        return change
    }

    package func commit(_ change: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        guard let (session, number) = staged.withLock({ $0.removeValue(forKey: change) }) else {
            throw .misconfigured("\(change.split) was not staged at \(name), or was ended before")
        }
        guard session.isAlive else {
            throw .unreachable(
                "the connection to \(line.place.host) was lost after the change was staged, which ended it; "
                    + "nothing was changed"
            )
        }
        return try await observation(session, .commit(change: number), limits.changing, isChange: true)
    }

    package func discard(_ change: StagedSplit) async {
        // With the session of a lost connection the host has discarded what it had staged.
        guard let (session, number) = staged.withLock({ $0.removeValue(forKey: change) }), session.isAlive
        else { return }
        _ = try? await session.call(.discard(change: number), within: limits.changing)
    }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        guard case .mark(let value) = try await ask(.raiseMark(token: token)) else { throw odd() }
        return value
    }

    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let session = try await line.separate()
        let call = HostCall.restore(actor: actor, reason: reason)
        return try await observation(session, call, limits.changing, isChange: true)
    }

    package func closeConnections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int? {
        let call = HostCall.closeConnections(environment: environment)
        guard case .count(let value) = try await ask(call, limits.changing) else { throw odd() }
        return value
    }

    package func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError) {
        let session = try await line.current()
        let call = HostCall.install(digest: installation.digest, token: token)
        _ = try await answer(session, call, limits.changing, isChange: true)
    }

    // MARK: asking

    private func ask(_ call: HostCall, _ span: Span? = nil) async throws(LoadBalancerError) -> HostAnswer {
        try await answer(try await line.current(), call, span ?? limits.looking)
    }

    private func observation(
        _ session: RemoteSession,
        _ call: HostCall,
        _ span: Span,
        isChange: Bool = false
    ) async throws(LoadBalancerError) -> BalancerObservation {
        guard case .observation(let value) = try await answer(session, call, span, isChange: isChange) else {
            throw isChange ? .unknown("\(line.place.host) gave an answer to something else") : odd()
        }
        return value
    }

    /// `isChange` says that it may have changed the traffic when no answer comes.
    private func answer(
        _ session: RemoteSession,
        _ call: HostCall,
        _ span: Span,
        isChange: Bool = false
    ) async throws(LoadBalancerError) -> HostAnswer {
        let answer: HostAnswer
        do throws(RemoteSession.Loss) {
            answer = try await session.call(call, within: span)
        } catch {
            switch error {
            case .unanswered(let text) where isChange: throw .unknown("\(text) while the change was made")
            case .unanswered(let text), .notBegun(let text): throw .unreachable(text)
            }
        }
        if case .failed(let error) = answer { throw error.error }
        return answer
    }

    private func odd() -> LoadBalancerError {
        .misconfigured("\(line.place.host) gave an answer to something else; nothing was changed")
    }
}
