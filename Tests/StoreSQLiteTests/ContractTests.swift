import DeployPorts
import DeployTestKit
import StoreSQLite
import Testing

@Suite struct ContractTests {
    @Test func `the SQLite journal keeps every promise of a run store`() async throws {
        let folder = try TemporaryFolder()
        let contract = RunStoreContract { isAlive in
            try await SQLiteRunStore(path: folder.journal, isAlive: isAlive)
        }
        let broken = try await contract.brokenPromises()
        #expect(broken == [])
    }
}
