import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing

/// What a process that takes a run over tells it first.
struct TakeoverOrderTests {
    private static let now = Timestamp(milliseconds: 1_000_000)
    private static let ana = Actor("ana")
    private static let blue = Split(Release.green, .zero, other: Release.blue)

    private static func share(_ whole: Int) -> Split {
        Split(Release.green, Percent(whole) ?? .zero, other: Release.blue)
    }

    /// A canary of 25 % that is being held, with `more` events after that.
    private static func held(_ more: RunEvent.Kind..., epoch: Int? = 3) -> RunState {
        var plan = Plan(
            service: "mina",
            version: Version(rawValue: "v2") ?? { preconditionFailure("a version") }(),
            stable: Release.blue,
            candidate: Release.green,
            phases: [.shift(phase: SwitchPhase(shares: [Percent(25) ?? .zero, .full], hold: .minutes(5)))]
        )
        plan.epoch = epoch
        let kinds =
            [.started(plan: plan), .succeeded(effect: 1, captures: [:], summary: nil)] as [RunEvent.Kind]
            + more
        return Reducer.fold(kinds.map { RunEvent(at: now, $0) }) ?? RunState(plan: plan)
    }

    private static func mark(epoch: Int = 3, emergency: Bool = false) -> BalancerMark {
        var mark = BalancerMark(token: FencingToken(epoch: epoch, counter: 7), service: "mina")
        if emergency { mark.emergency = BalancerMark.Emergency(by: Actor("bo"), reason: "fire", at: now) }
        return mark
    }

    private func order(
        _ state: RunState,
        _ seen: Split?...,
        mark: BalancerMark = Self.mark()
    ) throws -> PostedCommand? {
        try TakeoverOrder.first(
            for: state,
            mark,
            seen: seen.enumerated().map { ("balancer \($0.offset + 1)", $0.element) },
            resumedBy: Self.ana,
            at: Self.now
        )
    }

    @Test func `a run that finds what it left goes on`() throws {
        #expect(try order(Self.held(), Self.share(25), Self.share(25)) == nil)
        // As nearly as a balancer can keep it.
        let near = Split(Release.green, Percent(tenths: 253) ?? .zero, other: Release.blue)
        #expect(try order(Self.held(), near) == nil)
    }

    @Test func `a paused run is told to proceed by who resumed it`() throws {
        let state = Self.held(.commanded(command: .pause, by: Actor("bo"), reason: nil))
        let order = try order(state, Self.share(25))
        #expect(order?.command == .proceed)
        #expect(order?.by == Self.ana)
    }

    @Test func `traffic that was put back everywhere stays back`() throws {
        let order = try order(Self.held(), Self.blue, Self.blue)
        #expect(order?.command == .rollback(gradual: false))
        #expect(order?.reason == "the traffic was put back to blue meanwhile")
    }

    @Test func `one of several that lost the split gets it again from the run`() throws {
        #expect(try order(Self.held(), Self.share(25), Self.blue) == nil)
    }

    @Test func `a split that nobody can explain is refused, and who has it is named`() throws {
        let state = Self.held()
        #expect {
            _ = try order(state, Self.share(25), Self.share(60), nil)
        } throws: { error in
            (error as? TakeoverOrder.Unexplained)?.message.contains(
                "found balancer 2: blue 40 %, green 60 %, balancer 3: traffic to neither environment"
            ) == true
        }
    }

    @Test func `chosen users are a part of the split`() throws {
        let chosen = Split(Release.green, Percent(25) ?? .zero, other: Release.blue, chosen: Release.green)
        #expect(throws: TakeoverOrder.Unexplained.self) { _ = try order(Self.held(), chosen) }
    }

    @Test func `an emergency is its author's rollback, whatever is in force`() throws {
        let mark = Self.mark(epoch: 4, emergency: true)
        let order = try order(Self.held(), Self.share(60), mark: mark)
        #expect(order?.command == .rollback(gradual: false))
        #expect(order?.by == Actor("bo"))
        #expect(order?.reason == "emergency rollback: fire")
        #expect(!TakeoverOrder.looksAtTraffic(Self.held(), mark))
    }

    @Test func `a higher epoch says that the script was run`() throws {
        #expect(try order(Self.held(), Self.share(25), mark: Self.mark(epoch: 4))?.by == .bgdeploy)
        #expect(try order(Self.held(epoch: nil), Self.share(25), mark: Self.mark(epoch: 4)) == nil)
    }

    @Test func `a routing under way is asked for again, not compared`() throws {
        let state = Self.held(.commanded(command: .promote(full: true), by: Self.ana, reason: nil))
        #expect(state.isRouting)
        #expect(!TakeoverOrder.looksAtTraffic(state, Self.mark()))
        #expect(try order(state, Self.share(60)) == nil)
    }

    @Test func `a run that has ended or is on its way back is told nothing`() throws {
        let returning = Self.held(.commanded(command: .abort, by: Self.ana, reason: nil))
        #expect(try order(returning, Self.share(60)) == nil)
        let settled = Self.held(
            .commanded(command: .abort, by: Self.ana, reason: nil),
            .succeeded(effect: 3, captures: [:], summary: nil)
        )
        #expect(settled.isSettled)
        #expect(try order(settled, Self.share(60), mark: Self.mark(emergency: true)) == nil)
    }

    @Test func `the fleet tells what the decision needs, and who is missing`() async throws {
        for policy in [UnreachablePolicy.stop, .proceed] {
            var bench = Bench(balancers: 2)
            bench.whenUnreachable = policy
            bench.balancers[1].setAway(true)
            let fleet = bench.fleet
            try await bench.simulation.run {
                if policy == .stop {
                    await #expect(throws: BalancerFleet.Failure.self) { _ = try await fleet.splits() }
                } else {
                    let names = try await fleet.splits().map(\.name)
                    #expect(names == ["balancer 1"])
                }
            }
        }
    }
}
