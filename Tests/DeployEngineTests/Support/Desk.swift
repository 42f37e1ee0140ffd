import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// Where a person sits and asks things of a run.
struct Desk: Sendable {
    struct TooLate: Error {}

    let bench: Bench
    let stopper: AsyncStream<Void>.Continuation

    func pass(_ span: Span) async throws { try await bench.clock.sleep(for: span) }

    /// Waits for the run to be as `holds` wants it, for ten minutes.
    func until(_ holds: (RunState) -> Bool) async throws {
        for _ in 0..<12_000 {
            if let state = bench.observer.latest, holds(state) { return }
            try await pass(.milliseconds(50))
        }
        throw TooLate()
    }

    func until(share: Int) async throws { try await until { $0.confirmed.share == Percent(share) } }

    func post(_ command: Command, by person: String = "ana", reason: String? = nil) async throws -> Int {
        let posted = PostedCommand(
            command: command,
            by: Actor(person),
            reason: reason,
            at: bench.clock.now()
        )
        return try await bench.store.post(posted, to: bench.run)
    }

    /// Posts a command and waits for its answer, for ten minutes.
    ///
    /// Returns the refusal.
    @discardableResult
    func ask(_ command: Command, by person: String = "ana", reason: String? = nil) async throws -> String? {
        let id = try await post(command, by: person, reason: reason)
        for _ in 0..<12_000 {
            if let reply = try await bench.store.reply(to: id) { return reply.refusal }
            try await pass(.milliseconds(50))
        }
        throw TooLate()
    }

    /// As SIGTERM does.
    func stop() { stopper.yield() }
}
