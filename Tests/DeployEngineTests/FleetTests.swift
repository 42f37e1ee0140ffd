import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// Two balancers change together or not at all.
struct FleetTests {
    private func shares(_ bench: Bench) -> [Percent] {
        bench.balancers.map { $0.split.share(of: Release.green) }
    }

    @Test func `both get the same split`() async throws {
        let bench = Bench(Release(shares: [10, 100]), balancers: 2)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.balancers[0].splits == bench.balancers[1].splits)
        #expect(bench.violations == [])
    }

    @Test func `one that refuses at stage leaves the other as it was`() async throws {
        let bench = Bench(balancers: 2)
        bench.balancers[1].fail(.stage, with: .rejects)
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason?.contains("invalid parameter") == true)
        for balancer in bench.balancers {
            #expect(balancer.splits == [])
            #expect(balancer.fileSplit == balancer.split)
            #expect(balancer.violations == [])
        }
    }

    /// The first balancer had the new split for a moment: that is traffic that moved, and was rolled back.
    @Test func `one that refuses at commit has the other put back`() async throws {
        let bench = Bench(balancers: 2)
        bench.balancers[1].fail(.commit, with: .notInForce, times: 1)
        let end = try await bench.drive()
        #expect(end.story == "settled, rolledBack")
        #expect(end.state.reason?.contains("balancer 1 is back at") == true)
        #expect(bench.shares == [100, 0, 0])
        #expect(bench.balancers[1].split.share(of: EnvironmentName("green")) == .zero)
        #expect(bench.violations == [])
    }

    /// Commits go on side by side: the others may have landed by then, and are put back.
    @Test func `every one that fails is named, in the playbook's order`() async throws {
        let bench = Bench(balancers: 3)
        bench.balancers[2].fail(.commit, with: .notInForce, times: 1)
        bench.balancers[0].fail(.commit, with: .notInForce, times: 1)
        let end = try await bench.drive()
        #expect(end.story == "settled, rolledBack")
        let reason = try #require(end.state.reason)
        #expect(
            reason.split(separator: "\n").map { $0.prefix { $0 != ":" } }.prefix(3)
                == ["balancer 1", "balancer 3", "balancer 2 is back at blue 100 %, green 0 %"],
            "\(reason)"
        )
        #expect(shares(bench) == [.zero, .zero, .zero])
        #expect(bench.violations == [])
    }

    @Test func `every one that refuses at stage is named, and nothing stays staged`() async throws {
        let bench = Bench(balancers: 4)
        for number in [3, 1] { bench.balancers[number].fail(.stage, with: .rejects) }
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        let reason = try #require(end.state.reason)
        let named = reason.split(separator: "\n").filter { $0.hasPrefix("balancer") }.map { $0.prefix(10) }
        #expect(named == ["balancer 2", "balancer 4"])
        for balancer in bench.balancers { #expect(balancer.fileSplit == balancer.split) }
        #expect(bench.violations == [])
    }

    @Test func `a hundred take as long as one`() async throws {
        let bench = Bench(Release(monitor: .zero), balancers: 100, commitLength: .seconds(2))
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(bench.summaries.contains("blue 0 %, green 100 %, verified in 2000 ms"), "\(bench.summaries)")
        #expect(shares(bench).allSatisfy { $0 == .full })
        #expect(bench.violations == [])
    }

    @Test func `entries of one file take turns`() async throws {
        let bench = Bench(Release(shares: [10, 100]), balancers: 3, sharesFile: true)
        #expect(try await bench.drive().story == "settled, succeeded")
        #expect(shares(bench).allSatisfy { $0 == .full })
        #expect(bench.violations == [])
    }

    @Test func `entries of one file go back together`() async throws {
        let bench = Bench(balancers: 3, sharesFile: true)
        bench.balancers[1].fail(.commit, with: .notInForce, times: 1)
        #expect(try await bench.drive().story == "settled, rolledBack")
        #expect(shares(bench).allSatisfy { $0 == .zero })
        #expect(bench.violations == [])
    }

    @Test func `one that says yes and does nothing has not made the change`() async throws {
        let bench = Bench(balancers: 2)
        bench.balancers[1].fail(.commit, with: .ignores, times: 1)
        let end = try await bench.drive()
        #expect(end.story == "settled, rolledBack")
        #expect(
            end.state.reason?.contains("asked for blue 0 %, green 100 %, read back blue 100 %, green 0 %")
                == true
        )
        #expect(shares(bench) == [.zero, .zero])
        #expect(bench.violations == [])
    }

    @Test func `a candidate that takes no connections does not get the chosen users either`() async throws {
        let bench = Bench(Release(shares: [0, 100], chosenUsers: true))
        bench.probe.refuse("g:1", because: "refuses connections")
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(bench.balancers[0].splits == [])
    }

    @Test(arguments: [true, false])
    func `an unknown outcome is put back, and where that fails routed back`(takesEffect: Bool) async throws {
        let bench = Bench(balancers: 2)
        // The commit, and the one that would put it back.
        bench.balancers[1].fail(.commit, with: .unknown(takesEffect: takesEffect), times: 2)
        let end = try await bench.drive()
        #expect(end.story == "settled, rolledBack")
        #expect(shares(bench) == [.zero, .zero])
        #expect(bench.step("rollback/1").starts == [1])
        #expect(bench.violations == [])
    }

    @Test func `balancers that disagree stop a run before it begins`() async throws {
        let bench = Bench(balancers: 2)
        let token = FencingToken(epoch: 0, counter: 1)
        try await bench.simulation.run {
            let split = bench.plan.split(candidate: .full)
            _ = try await bench.balancers[1].commit(try await bench.balancers[1].stage(split, token: token))
        }
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason?.contains("the balancers disagree") == true)
    }

    @Test func `a run begins only with everything on the stable environment`() async throws {
        let bench = Bench()
        let token = FencingToken(epoch: 0, counter: 1)
        try await bench.simulation.run {
            let split = bench.plan.split(candidate: .full)
            _ = try await bench.balancers[0].commit(try await bench.balancers[0].stage(split, token: token))
        }
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason?.contains("blue should have all traffic") == true)
    }
}
