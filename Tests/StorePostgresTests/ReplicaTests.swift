import DeployCore
import DeployPorts
import PostgresClient
import ServiceLab
import StorePostgres
import Testing

@testable import StoreLab

/// A primary whose synchronous replica is away commits for itself alone: a fail-over would undo it.
@Suite(.realPostgres) struct ReplicaTests {
    @Test func `an entry that no replica has is not told as written, and is found when nothing is missing`()
        async throws
    {
        let lab = try await PostgresLab()
        let store = try await lab.store()
        let run = RunID(rawValue: "RUNA")
        let lease = try await Sample.run("RUNA", entries: 2, in: store)
        try await expectReplicas("'away'", in: lab, isWaiting: true)
        let refusal = await error {
            _ = try await store.append(Sample.succeeded(3), effects: [], to: run, lease: lease)
        }
        guard case .unavailable(let text) = refusal else {
            Issue.record("told as written")
            return
        }
        #expect(text.contains("it is not known whether it was carried out"), "\(text)")
        try await expectReplicas("''", in: lab, isWaiting: false)
        let entry = try await store.append(Sample.succeeded(3), effects: [], to: run, lease: lease)
        #expect(entry.sequence == 3)
        let report = try await store.verify()
        #expect(report.breach == nil && report.entryCount == 3)
    }

    /// Ends when writes wait for the replicas that are named, or do not wait any more.
    private func expectReplicas(_ names: String, in lab: PostgresLab, isWaiting: Bool) async throws {
        try await lab.sql("ALTER SYSTEM SET synchronous_standby_names = \(names)")
        try await lab.sql("SELECT pg_reload_conf()")
        for number in 1...20 {
            let session = try await lab.open()
            defer { session.close() }
            do {
                let name = "\(isWaiting ? "away" : "back")\(number)"
                try await session.run("CREATE TABLE \(name) ()", commits: true, within: .seconds(3))
                guard isWaiting else { return }
            } catch {
                guard !isWaiting else { return }
            }
        }
        throw NeverTrue(query: "synchronous_standby_names = \(names)")
    }
}
