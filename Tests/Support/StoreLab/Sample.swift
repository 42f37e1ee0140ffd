import DeployCore
import DeployPorts
import JournalFormat
import Testing

/// What the tests of every store write into a journal.
enum Sample {
    static let now = Timestamp(milliseconds: 1_767_225_600_000)
    static let actor = DeployCore.Actor("ana@ci-7")

    static func holder(_ purpose: String = "run v2.5.0") -> LeaseHolder {
        ProcessIdentity.current(actor: actor, purpose: purpose)
    }

    static func started(_ service: String = "shop") throws -> RunEvent {
        let plan = Plan(
            service: service,
            version: try #require(Version(rawValue: "v2.5.0")),
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: [.shift(phase: .instant)]
        )
        return RunEvent(at: now, .started(plan: plan))
    }

    static func succeeded(_ effect: Int) -> RunEvent {
        RunEvent(
            at: now.advanced(by: .seconds(Int64(effect))),
            .succeeded(effect: effect, captures: ["id": "42"], summary: "green has 25 %")
        )
    }

    static func lease(_ store: any RunStore, on service: String = "shop") async throws -> Lease {
        try await store.acquireLease(
            on: service,
            for: holder(),
            takeover: .onlyIfFree,
            floor: 0,
            at: now
        )
    }

    /// A run of `count` entries, and its lease.
    @discardableResult
    static func run(
        _ name: String,
        entries count: Int,
        in store: any RunStore,
        on service: String = "shop",
        under known: Lease? = nil
    ) async throws -> Lease {
        var lease = known
        if lease == nil { lease = try await self.lease(store, on: service) }
        guard let lease else { throw RunStoreError.leaseLost }
        let run = RunID(rawValue: name)
        _ = try await store.open(
            run,
            event: try started(service),
            effects: [PendingEffect(id: 1, effect: .route(candidate: .full))],
            playbook: "service: \(service)\n",
            lease: lease
        )
        for number in 1..<max(1, count) {
            _ = try await store.append(
                succeeded(number),
                effects: [PendingEffect(id: number + 1, effect: .drain(until: now))],
                to: run,
                lease: lease
            )
        }
        return lease
    }
}

/// What `body` is refused with; `nil` when it is not.
func error(of body: () async throws -> Void) async -> RunStoreError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RunStoreError
    }
}
