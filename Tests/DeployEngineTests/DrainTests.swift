import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// Draining counts what is left, tells it, and has the rest closed where the playbook says so.
struct DrainTests {
    /// Drains after the switch when `closes`, as the language demands.
    private func bench(_ counts: [[Int]], closes: Bool, grace: Span = .seconds(3)) -> Bench {
        var release = Release(monitor: .zero)
        release.drain = DrainPhase(grace: grace, whenNotEmpty: .proceed, closesRest: closes)
        release.drainsAfterSwitch = true
        let bench = Bench(release, balancers: counts.count)
        for (balancer, counts) in zip(bench.balancers, counts) {
            balancer.setConnections(counts, to: Release.blue)
        }
        return bench
    }

    private func told(_ bench: Bench) -> String? {
        bench.store.chain.compactMap { entry in
            switch entry.event.kind {
            case .succeeded(_, _, let summary?) where summary.contains("connections"): summary
            case .failed(_, let reason, _): reason
            default: nil
            }
        }.last
    }

    @Test func `the course is told, and journalled on change`() async throws {
        let bench = bench([[200, 100, 100, 3, 0], [47, 56, 56, 0]], closes: false, grace: .seconds(30))
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench) == "connections to blue: 247 → 156 → 3 → 0 in 4s")
        #expect(bench.notes("drain").map(\.text) == [247, 156, 3, 0].map { "\($0) connections to blue" })
        #expect(bench.notes("drain").map { $0.facts["connections"] } == ["247", "156", "3", "0"])
        #expect(bench.observer.connections == [247, 156, 3, 0])
    }

    @Test func `a long course is told in six numbers`() async throws {
        let bench = bench([Array((0...20).reversed())], closes: false, grace: .seconds(30))
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench) == "connections to blue: 20 → 16 → 12 → 8 → 4 → 0 in 20s")
    }

    @Test func `nothing to drain is no course`() async throws {
        let bench = bench([[]], closes: false)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench) == "no connections to blue")
        #expect(bench.notes("drain") == [])
    }

    @Test func `what is left is left open where the playbook says nothing else`() async throws {
        let bench = bench([[9, 7]], closes: false)
        bench.balancers[0].setCanClose(true)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench) == "blue still has 7 connections: 9 → 7 in 3s; left open: 7")
        #expect(!bench.balancers[0].calls.contains(.closeConnections))
    }

    @Test func `what is left is closed where the playbook and the balancer say so`() async throws {
        let bench = bench([[247, 156, 3], [0]], closes: true)
        for balancer in bench.balancers { balancer.setCanClose(true) }
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench) == "connections to blue: 247 → 156 → 3 → 0 in 3s; 3 closed by the balancer")
        #expect(bench.notes("drain").map(\.text).contains("closed 3 connections to blue"))
        #expect(bench.notes("drain").contains { $0.facts["closed"] == "3" })
    }

    @Test func `a balancer that closes none is named`() async throws {
        let bench = bench([[5], [4]], closes: true)
        bench.balancers[0].setCanClose(true)
        let start = bench.clock.now()
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(
            told(bench)
                == """
                blue still has 4 connections: 9 → 4 in 8s; 5 closed by the balancer; left open: 4; \
                balancer 2 cannot close connections
                """
        )
        // The grace, and five seconds for the count to fall.
        #expect((8...20).contains(bench.clock.now().since(start).seconds))
    }

    @Test func `a balancer that fails to close is told`() async throws {
        let bench = bench([[5]], closes: true)
        bench.balancers[0].fail(.closeConnections, with: .unreachable)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(told(bench)?.hasSuffix("left open: 5; balancer 1: balancer 1 does not answer") == true)
    }

    /// Closed before the switch, they would come straight back.
    @Test func `nothing is closed while the environment still gets requests`() async throws {
        var release = Release(monitor: .zero)
        release.drain = DrainPhase(grace: .seconds(3), closesRest: true)
        let bench = Bench(release)
        bench.balancers[0].setConnections([7], to: Release.blue)
        bench.balancers[0].setCanClose(true)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(!bench.balancers[0].calls.contains(.closeConnections))
        #expect(told(bench)?.hasSuffix("left open: 7, because blue still gets requests") == true)
    }

    @Test func `a balancer that was left out is not counted, and is told`() async throws {
        var bench = bench([[9, 0], [4]], closes: false)
        bench.whenUnreachable = .proceed
        bench.balancers[1].setAway(true)
        let ready = bench
        #expect(try await ready.drive().story == "settled, succeeded")
        #expect(told(ready) == "connections to blue: 9 → 0 in 1s; left out: balancer 2")
    }
}
