import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// What people ask through the box, and what they are answered.
struct CommandTests {
    @Test func `an approval needs as many different people as it says`() async throws {
        let bench = Bench(Release(approvals: 2))
        let end = try await bench.drive { desk in
            try await desk.until { _ in true }
            #expect(try await desk.ask(.approve)?.contains("no step") == true)
            try await desk.until { $0.waiting?.kind == "approval" }
            #expect(try await desk.ask(.approve, by: "ana") == nil)
            #expect(try await desk.ask(.approve, by: "ana")?.contains("ana has approved already") == true)
            #expect(bench.shares == [])
            #expect(try await desk.ask(.approve, by: "bo") == nil)
        }
        #expect(end.story == "settled, succeeded")
        #expect(end.state.captures["validate/gate.approved_by"] == "ana, bo")
    }

    @Test func `an approval that nobody gives ends the run`() async throws {
        let bench = Bench(Release(approvals: 1))
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason == "approval: nobody approved in time")
        #expect(bench.shares == [])
    }

    @Test func `a process that leaves at gates does`() async throws {
        var bench = Bench(Release(approvals: 1))
        bench.leavesAtGates = true
        let ready = bench
        let end = try await ready.drive()
        #expect(end.story == "waiting, waiting")
        #expect(try await bench.store.lease(on: "mina") == nil)
        let finish = try await ready.drive { try await ready.resume(.approve, stops: $0) }
        #expect(finish.story == "settled, succeeded")
        #expect(bench.step("prepare/1").starts == [1])
    }

    @Test func `what runs beside a gate is not left behind`() async throws {
        var release = Release()
        let gate = Step(
            id: Release.gate,
            title: "approval",
            kind: .approval(people: 1),
            deadline: .minutes(30)
        )
        release.validate = [[Release.step("validate/1", "check a"), gate]]
        var bench = Bench(release)
        bench.leavesAtGates = true
        bench.set("validate/1", [.succeeds(after: .seconds(20))])
        let ready = bench
        let end = try await ready.drive()
        #expect(end.story == "waiting, waiting")
        #expect(bench.step("validate/1").stopped == [])
    }

    @Test func `promote ends a hold, promote full ends all of them`() async throws {
        for (isFull, shares) in [(false, [10, 50, 100]), (true, [10, 100])] {
            let bench = Bench(Release(shares: [10, 50, 100], hold: .minutes(5)))
            let end = try await bench.drive { desk in
                try await desk.until { _ in true }
                #expect(try await desk.ask(.promote(full: isFull)) == "there is no hold to end")
                try await desk.until(share: 10)
                let begin = bench.clock.now()
                #expect(try await desk.ask(.promote(full: isFull)) == nil)
                #expect(bench.clock.now().since(begin) < .seconds(1))
            }
            #expect(end.story == "settled, succeeded")
            #expect(bench.shares == shares)
        }
    }

    @Test func `a pause holds the split until it is ended`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            #expect(try await desk.ask(.proceed) == "the run is not paused")
            #expect(try await desk.ask(.pause, reason: "lunch") == nil)
            #expect(try await desk.ask(.pause) == "the run is paused already")
            try await desk.pass(.minutes(40))
            #expect(bench.shares == [10])
            #expect(bench.observer.latest?.condition == .paused)
            #expect(try await desk.ask(.proceed) == nil)
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.shares == [10, 100])
    }

    @Test func `a pause without traffic lets the process leave`() async throws {
        let bench = Bench()
        let end = try await bench.drive { desk in
            try await desk.until { $0.phase == .prepare }
            #expect(try await desk.ask(.pause) == nil)
        }
        #expect(end.story == "waiting, paused")
        #expect(bench.step("prepare/1").starts == [1])
        #expect(bench.step("migrate/1").starts == [])
        let finish = try await bench.drive { try await bench.resume(stops: $0) }
        #expect(finish.story == "settled, succeeded")
        #expect(bench.step("prepare/1").starts == [1])
    }

    @Test func `abort puts the traffic back`() async throws {
        let bench = Bench(Release(shares: [10, 100], hold: .minutes(5)))
        let end = try await bench.drive { desk in
            try await desk.until(share: 10)
            #expect(try await desk.ask(.abort, reason: "errors") == nil)
        }
        #expect(end.story == "settled, rolledBack")
        #expect(end.state.reason == "aborted by ana: errors")
        #expect(bench.shares == [10, 0])
        #expect(bench.step("rollback/1").starts == [1])
        #expect(bench.violations == [])
    }

    @Test func `a gradual rollback goes by its steps, and an instant one hastens it`() async throws {
        for (isHastened, shares) in [(false, [100, 50, 0]), (true, [100, 50, 0])] {
            let bench = Bench(Release(monitor: .minutes(10)))
            let end = try await bench.drive { desk in
                try await desk.until(share: 100)
                #expect(try await desk.ask(.rollback(gradual: true)) == nil)
                try await desk.until(share: 50)
                let begin = bench.clock.now()
                if isHastened { #expect(try await desk.ask(.rollback(gradual: false)) == nil) }
                try await desk.until(share: 0)
                let took = bench.clock.now().since(begin)
                #expect(isHastened ? took < .seconds(2) : took >= .seconds(30))
            }
            #expect(end.story == "settled, rolledBack")
            #expect(bench.shares == shares)
        }
    }

    @Test func `a run that succeeded can still be taken back`() async throws {
        let bench = Bench()
        #expect(try await bench.drive().story == "settled, succeeded")
        let end = try await bench.drive { try await bench.resume(.rollback(gradual: false), stops: $0) }
        #expect(end.story == "settled, rolledBack")
        #expect(bench.shares == [100, 0])
    }
}
