package import DeployCore
package import DeployPorts
import JournalFormat

/// What became of tokens, in the journal's hash chain: a run of its own that moves no traffic.
package struct TokenLedger: Sendable {
    /// No playbook can be of a service that is called so.
    package static let service = "bgdeploy:tokens"
    package static let run = RunID(rawValue: "TOKENS")

    /// How long another process that writes into it is waited for.
    private static let patience = Span.seconds(10)

    private let store: any RunStore
    private let clock: any Timekeeper

    package init(_ store: any RunStore, clock: any Timekeeper) {
        self.store = store
        self.clock = clock
    }

    /// Writes what was done, by whom; durable when it returns.
    ///
    /// `.held` while another process writes into it for longer than 10 s. Nothing is written on an error.
    package func note(
        _ topic: String,
        _ text: String,
        _ facts: [String: String],
        by actor: Actor
    ) async throws(RunStoreError) {
        let lease = try await acquire(for: actor)
        let result: Result<Void, RunStoreError>
        do throws(RunStoreError) {
            try await write(Note(topic: topic, text: text, facts: facts), under: lease)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try? await store.release(lease)
        try result.get()
    }

    private func acquire(for actor: Actor) async throws(RunStoreError) -> Lease {
        let deadline = clock.now().advanced(by: Self.patience)
        while true {
            let now = clock.now()
            do throws(RunStoreError) {
                return try await store.acquireLease(
                    on: Self.service,
                    for: ProcessIdentity.current(actor: actor, purpose: "token"),
                    takeover: .onlyIfFree,
                    floor: 0,
                    at: now
                )
            } catch {
                guard case .held = error, now < deadline else { throw error }
                do { try await clock.sleep(for: .milliseconds(50)) } catch { throw .unavailable("stopped") }
            }
        }
    }

    private func write(_ note: Note, under lease: Lease) async throws(RunStoreError) {
        if try await store.run(Self.run.rawValue) == nil { try await open(under: lease) }
        let event = RunEvent(at: clock.now(), .noted(note: note))
        _ = try await store.append(event, effects: [], to: Self.run, lease: lease)
    }

    private func open(under lease: Lease) async throws(RunStoreError) {
        guard let version = Version(rawValue: "0-tokens") else { return }
        let plan = Plan(
            service: Self.service,
            version: version,
            stable: EnvironmentName("none"),
            candidate: EnvironmentName("tokens"),
            phases: []
        )
        _ = try await store.open(
            Self.run,
            event: RunEvent(at: clock.now(), .started(plan: plan)),
            effects: [],
            playbook: "",
            lease: lease
        )
    }
}

extension RunRecord {
    /// Whether it is no run of a service but the ``TokenLedger``, which lists of runs leave out.
    package var isLedger: Bool { service == TokenLedger.service }
}
