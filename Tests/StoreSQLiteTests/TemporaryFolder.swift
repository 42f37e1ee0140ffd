import DeployCore
import DeployPorts
import JournalFormat
import Foundation
import GRDB
import StoreSQLite

/// A folder of its own for one test, removed with the last reference.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/bgdeploy-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var journal: String { path + "/state/journal.db" }

    /// The journal as another program sees it, such as the `sqlite3` shell.
    func foreign(_ statements: String) throws {
        try foreignQueue().writeWithoutTransaction { try $0.execute(sql: statements) }
    }

    func foreignQueue() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
        return try DatabaseQueue(path: journal, configuration: configuration)
    }
}

enum Sample {
    static let now = Timestamp(milliseconds: 1_767_225_600_000)
    static let actor = DeployCore.Actor("ana@ci-7")

    static func holder(_ purpose: String = "run v2.5.0") -> LeaseHolder {
        ProcessIdentity.current(actor: actor, purpose: purpose)
    }

    static func version() throws -> Version {
        struct Unlikely: Error {}
        guard let version = Version(rawValue: "v2.5.0") else { throw Unlikely() }
        return version
    }

    static func started(_ service: String = "shop") throws -> RunEvent {
        let plan = Plan(
            service: service,
            version: try version(),
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

    static func lease(_ store: SQLiteRunStore, on service: String = "shop") async throws -> Lease {
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
        in store: SQLiteRunStore,
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

func error(of body: () async throws -> Void) async -> RunStoreError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RunStoreError
    }
}
