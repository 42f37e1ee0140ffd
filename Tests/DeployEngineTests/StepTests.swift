import DeployCore
import DeployPorts
import DeployTestKit
import Testing

/// Attempts, deadlines, conditions, captures and secrets.
struct StepTests {
    private static let deploy = StepID(rawValue: "prepare/1")

    @Test func `a failed step ends the run and no balancer is touched`() async throws {
        var bench = Bench()
        bench.set("prepare/1", [.fails(StepFailure("exit 3"), after: .seconds(1))])
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason == "deploy: exit 3")
        #expect(!bench.balancers[0].calls.contains(.stage))
        #expect(bench.balancers[0].splits == [])
        #expect(bench.step("migrate/1").starts == [])
        #expect(bench.step("rollback/1").starts == [])
    }

    @Test func `a transient failure is tried again after growing pauses`() async throws {
        var bench = Bench(Release(monitor: .zero))
        bench.set("prepare/1", [.fails(StepFailure("refused")), .fails(StepFailure("refused")), .succeeds()])
        bench.policies[Self.deploy] = StepPolicy(attempts: 3, every: .seconds(10), backoff: 3)
        let (ready, start) = (bench, bench.clock.now())
        let end = try await ready.drive { desk in
            try await desk.until { $0.phase == .migrate }
            #expect((40...41).contains(ready.clock.now().since(start).seconds))
        }
        #expect(end.story == "settled, succeeded")
        #expect(bench.step("prepare/1").starts == [1, 2, 3])
        #expect(bench.folders.begun(Self.deploy, in: bench.run) == [1, 2, 3])
        #expect(bench.observer.lines.contains("attempt 1 of 3: refused"))
    }

    @Test func `attempts end, and a failure for good is not tried again`() async throws {
        for (isTransient, starts) in [(true, [1, 2, 3]), (false, [1])] {
            var bench = Bench()
            bench.set("prepare/1", [.fails(StepFailure("no", isTransient: isTransient))])
            bench.policies[Self.deploy] = StepPolicy(attempts: 3)
            let end = try await bench.drive()
            #expect(end.story == "settled, failed")
            #expect(bench.step("prepare/1").starts == starts)
        }
    }

    @Test func `a step whose condition does not hold is left out`() async throws {
        for (environment, starts) in [("blue", []), ("green", [1])] {
            var bench = Bench()
            bench.values.plain["candidate.name"] = "green"
            let condition = StepCondition(
                left: try Template("${candidate.name}"),
                right: try Template(environment)
            )
            bench.policies[Self.deploy] = StepPolicy(condition: condition)
            let end = try await bench.drive()
            #expect(end.story == "settled, succeeded")
            #expect(bench.step("prepare/1").starts == starts)
        }
    }

    @Test func `a step that hangs is stopped after its deadline and grace`() async throws {
        var release = Release()
        release.prepare = [[Release.step("prepare/1", "deploy", deadline: .seconds(60))]]
        var bench = Bench(release)
        bench.set("prepare/1", [.hangs])
        let start = bench.clock.now()
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(end.state.reason == "deploy: not finished within 1m")
        #expect(bench.step("prepare/1").stopped == [1])
        #expect((75...77).contains(bench.clock.now().since(start).seconds))
    }

    @Test func `a step that was stopped is not said to have been late`() async throws {
        var bench = Bench()
        bench.set("prepare/1", [.hangs])
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.phase == .prepare }
            #expect(try await desk.ask(.abort, reason: "wrong version") == nil)
        }
        #expect(end.story == "settled, failed")
        #expect(end.state.reason == "aborted by ana: wrong version")
        let failures = bench.store.chain.compactMap { entry in
            if case .failed(_, let reason, _) = entry.event.kind { reason } else { nil }
        }
        #expect(failures == ["deploy: stopped"])
    }

    @Test func `a migration under way is waited for`() async throws {
        var bench = Bench()
        bench.set("migrate/1", [.succeeds(after: .seconds(50))])
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.phase == .migrate }
            #expect(try await desk.ask(.abort) == nil)
        }
        #expect(end.story == "settled, failed")
        #expect(bench.step("migrate/1").stopped == [])
        #expect(bench.step("validate/1").starts == [])
    }

    @Test func `what a step captured later steps can use`() async throws {
        var bench = Bench()
        bench.set("prepare/1", [.succeeds(captures: ["token": "t-1"])])
        bench.policies[Self.deploy] = StepPolicy(captureName: "login")
        let end = try await bench.drive()
        #expect(end.story == "settled, succeeded")
        let attempt = try #require(bench.step("migrate/1").attempts.first)
        #expect(attempt.values.plain["steps.login.token"] == "t-1")
        #expect(attempt.deadline == .seconds(60))
        #expect(attempt.folder == bench.folders.path(of: 1, of: attempt.step, in: bench.run))
    }

    @Test func `no secret reaches the journal`() async throws {
        var bench = Bench(Release(monitor: .seconds(30)))
        bench.values.secrets["secret.TOKEN"] = "hunter2"
        bench.set("prepare/1", [.succeeds(captures: ["echo": "is hunter2"])])
        bench.set("validate/1", [.fails(StepFailure("401 for hunter2", isTransient: false))])
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.phase == .migrate }
            _ = try await desk.ask(.pause, reason: "hunter2 leaked")
            _ = try await desk.ask(.proceed)
        }
        #expect(end.story == "settled, failed")
        let journal = bench.store.chain.map { "\($0.event)" }.joined(separator: "\n")
        #expect(!journal.contains("hunter2"))
        #expect(journal.contains("401 for ***"))
        #expect(journal.contains("*** leaked"))
    }

    @Test func `a judgement's words are masked too`() async throws {
        var bench = Bench(Release(monitor: .seconds(30)))
        bench.values.secrets["secret.TOKEN"] = "hunter2"
        bench.sources = [ScriptedSource([.failure(.noEvidence("GET /?key=hunter2: refused"))])]
        let ready = bench
        let end = try await ready.drive { desk in
            try await desk.until { $0.pause != nil }
            _ = try await desk.ask(.abort)
        }
        #expect(end.story == "settled, rolledBack")
        let journal = bench.store.chain.map { "\($0.event)" }.joined(separator: "\n")
        #expect(journal.contains("key=***"))
        #expect(!journal.contains("hunter2"))
    }

    @Test func `a step without a folder is not begun`() async throws {
        let bench = Bench()
        bench.folders.refuse(StepFailure("no space left", isTransient: false))
        let end = try await bench.drive()
        #expect(end.story == "settled, failed")
        #expect(bench.step("prepare/1").starts == [])
        #expect(end.state.reason == "deploy: no space left")
    }
}
