import DeployPorts
import DeployTestKit
import StorePostgres
import Testing
import ServiceLab

@Suite(.realPostgres) struct ContractTests {
    @Test func `the PostgreSQL journal keeps every promise of a run store`() async throws {
        let lab = try await PostgresLab()
        let contract = RunStoreContract { isAlive in try await lab.store(isAlive: isAlive) }
        let broken = try await contract.brokenPromises()
        #expect(broken == [])
    }

    @Test func `the PostgreSQL journal keeps every promise of a record store`() async throws {
        let lab = try await PostgresLab()
        let broken = try await RecordStoreContract { try await lab.store() }.brokenPromises()
        #expect(broken == [])
    }
}
