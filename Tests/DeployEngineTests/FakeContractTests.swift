import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// The fakes keep the promises that the drivers keep.
struct FakeContractTests {
    @Test func `the journal in memory is a journal`() async throws {
        let store = MemoryRunStore()
        let broken = try await RunStoreContract { store.reopened(isAlive: $0) }.brokenPromises()
        #expect(broken == [])
    }

    @Test func `the balancer in memory is a balancer`() async throws {
        let simulation = Simulation()
        let (blue, green) = (EnvironmentName("blue"), EnvironmentName("green"))
        let balancer = FakeBalancer(stable: blue, candidate: green, clock: simulation.clock)
        try await simulation.run {
            try await LoadBalancerContract(balancer, stable: blue, candidate: green) { balancer.file }.check()
        }
        #expect(balancer.violations == [])
    }

    @Test func `a balancer refuses what was never staged`() async throws {
        let simulation = Simulation()
        let (blue, green) = (EnvironmentName("blue"), EnvironmentName("green"))
        let balancer = FakeBalancer(stable: blue, candidate: green, clock: simulation.clock)
        let staged = StagedSplit(
            balancer: balancer.name,
            split: Split(green, .full, other: blue),
            token: .zero
        )
        try await simulation.run {
            await #expect(throws: LoadBalancerError.self) { _ = try await balancer.commit(staged) }
        }
        #expect(balancer.split == Split(green, .zero, other: blue))
        #expect(balancer.violations.count == 1)
    }
}
