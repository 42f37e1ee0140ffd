import DeployCore
import DeployPorts
import Foundation
import StoreSQLite
import Testing

@testable import StoreLab

@Suite struct CrashTests {
    @Test(arguments: [20, 45, 80, 130, 200])
    func `what was acknowledged before a kill is there after it`(milliseconds: Int) async throws {
        let folder = try TemporaryFolder()
        let journal = folder.journal
        let acknowledged = folder.path + "/acknowledged"
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                journal = journal as String, acknowledged = acknowledged as String,
                milliseconds = milliseconds as Int
            ] in
            let store = try await SQLiteRunStore(path: journal)
            let lease = try await Sample.run("RUNA", entries: 1, in: store)
            let file = open(acknowledged, O_WRONLY | O_CREAT, 0o600)
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
                kill(getpid(), SIGKILL)
            }
            for number in 1...1_000_000 {
                _ = try await store.append(
                    Sample.succeeded(number),
                    effects: [],
                    to: RunID(rawValue: "RUNA"),
                    lease: lease
                )
                write(file, ".", 1)
            }
        }
        let told = FileManager.default.contents(atPath: acknowledged)?.count ?? 0
        let store = try await SQLiteRunStore(path: folder.journal)
        let entries = try await store.entries(of: RunID(rawValue: "RUNA"), after: 0)
        #expect((told + 1...told + 2).contains(entries.count))
        let report = try await store.verify()
        #expect(report.breach == nil)
        // The dead writer's lease does not stand in the way.
        let lease = try await Sample.lease(store)
        let next = try await store.append(
            Sample.succeeded(0),
            effects: [],
            to: RunID(rawValue: "RUNA"),
            lease: lease
        )
        #expect(next.sequence == entries.count + 1)
    }
}
