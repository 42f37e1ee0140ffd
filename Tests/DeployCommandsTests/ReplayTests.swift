@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing
import TrafficJudgement

/// Runs judged anew from their journal.
struct ReplayTests {
    private func view(_ run: WatchedRun, _ judge: RunJudge? = nil) throws -> ReplayView {
        let traffic = try #require(RecordedTraffic(run.recorded))
        let judge = judge ?? run.ownJudge
        return ReplayView(
            run: run.recorded,
            traffic: traffic,
            replay: Replay(traffic.ticks, by: judge),
            judge: judge,
            changes: []
        )
    }

    private func overrides(_ json: String) throws -> ConfigurationOverrides {
        let file = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString)")
        try Data(json.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try ConfigurationOverrides(path: file.path)
    }

    private func changed(_ judge: RunJudge, _ json: String) throws -> RunJudge {
        var judge = judge
        judge.configuration = try overrides(json).applied(to: judge.configuration)
        return judge
    }

    /// Every fifth request of green's fails from second 40 on.
    private func badRun(alpha: Double = 0.01) -> WatchedRun {
        var settings = JudgeSettings()
        settings.alpha = alpha
        var run = WatchedRun(settings)
        run.watch(120) { WatchedRun.Second(errors: $0 >= 40 && $0.isMultiple(of: 2) ? 1 : 0) }
        run.finish()
        return run
    }

    @Test(arguments: [0.3, 0.01, 1e-9])
    func `the run's own settings decide at the recorded tick what was recorded`(alpha: Double) throws {
        let run = badRun(alpha: alpha)
        let decided = try #require(run.decided)
        let view = try view(run)
        let recorded = try #require(view.traffic.rollback)
        let replayed = try #require(view.replay.rollback)
        #expect(view.traffic.second(of: recorded.tick) == decided)
        #expect(replayed.tick == recorded.tick)
        #expect(view.agrees)
        #expect(
            view.conclusion.hasPrefix(
                "Both go back at second \(decided), because of err_rel (green fails more"
            )
        )
        #expect(view.rows.count == 1)
        #expect(view.text.contains("rolled back at once             roll back at once: err_rel, evidence "))
    }

    @Test func `a latency that took the traffic back by steps is found again`() throws {
        var run = WatchedRun()
        run.watch(180) { WatchedRun.Second(milliseconds: $0 >= 60 ? 60 : 20) }
        let decided = try #require(run.decided)
        let view = try view(run)
        #expect(view.conclusion.hasPrefix("Both go back at second \(decided), because of lat_rel"))
    }

    @Test func `other settings are told with the difference in seconds`() throws {
        let run = badRun()
        let decided = try #require(run.decided)
        let view = try view(run, changed(run.ownJudge, #"{"alpha": 0.3}"#))
        let second = try #require(view.replay.rollback).tick + 1
        #expect(second < decided)
        let agrees = view.agrees
        #expect(!agrees)
        #expect(
            view.conclusion.hasPrefix(
                "The run went back at second \(decided); the replay goes back at second \(second), "
                    + "\(decided - second) s sooner"
            )
        )
        #expect(view.rows.count == 2)
    }

    @Test func `where the record ends the replay claims nothing`() throws {
        let run = badRun()
        let decided = try #require(run.decided)
        let view = try view(run, changed(run.ownJudge, #"{"alpha": 1e-9}"#))
        let rollback = view.replay.rollback
        #expect(rollback == nil)
        #expect(
            view.conclusion.contains(
                "the replay does not until the record ends, at second \(decided). Nearest was err_rel"
            )
        )
        #expect(view.conclusion.hasSuffix("Whether it would have gone back later cannot be told."))
    }

    @Test func `a step that ended early is good enough at the same tick`() throws {
        var settings = JudgeSettings()
        settings.endsEarly = true
        var run = WatchedRun(settings)
        run.watch(300)
        let decided = try #require(run.decided)
        let view = try view(run)
        let good = try #require(view.replay.decisions.first)
        #expect(good.isGood)
        #expect(view.traffic.second(of: good.tick) == decided)
        #expect(view.rows.count == 1)
    }

    @Test func `a person's order has the time at which it came`() throws {
        var run = WatchedRun()
        run.watch(20)
        run.pass(.seconds(7))
        run.command(.rollback(gradual: false))
        let view = try view(run)
        let (agrees, text) = (view.agrees, view.text)
        #expect(agrees)
        #expect(text.contains("    27  1/3 10 %     taken back by ana@ci-7"))
        #expect(
            view.conclusion.hasPrefix(
                "ana@ci-7 took the traffic back at second 27; the replay does not until"
            )
        )
    }

    @Test func `what is measured on the way back is no evidence`() throws {
        var run = badRun()
        let ticks = try #require(RecordedTraffic(run.recorded)).ticks.count
        run.noteReturn()
        #expect(RecordedTraffic(run.recorded)?.ticks.count == ticks)
    }

    @Test func `a run without ticks has nothing to replay`() {
        #expect(RecordedTraffic(WatchedRun().recorded) == nil)
    }

    @Test func `the JSON has both sides`() throws {
        let run = badRun()
        let text = JSON.text(try view(run).json)
        let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(read["agrees"] as? Bool == true)
        let recorded = try #require(read["recorded"] as? [[String: Any]])
        let replayed = try #require(read["replayed"] as? [[String: Any]])
        #expect(recorded.map { $0["verdict"] as? String } == ["rollback"])
        #expect(replayed.map { $0["verdict"] as? String } == ["ROLLBACK"])
        #expect(replayed.first?["cause"] as? String == "err_rel")
        #expect(recorded.first?["second"] as? Int == run.decided)
        #expect(replayed.first?["second"] as? Int == run.decided)
        #expect(recorded.first?["share"] as? Double == 10)
    }

    // MARK: settings

    @Test func `settings that are possible only together may stand in any order`() throws {
        let base = RunJudge().configuration
        let wanted = try overrides(
            #"{"share": {"alive": 0.5, "err_rel": 0.05, "lat_rel": 0.05}, "window": 0.5, "dt": 0.25}"#
        )
        let names = wanted.changes(of: base).map(\.name)
        #expect(names == ["dt", "share.alive", "share.err_rel", "share.lat_rel", "window"])
        #expect(wanted.changes(of: try wanted.applied(to: base)).isEmpty)
    }

    @Test(arguments: [
        (#"{"rh": 1}"#, "`rh` is no setting of the judge"), (#"{"alpha": 2}"#, "`alpha` is 2.0; expected is"),
        (#"{"share": {"err_rel": 1}}"#, "add up to 1.65"), (#"{"alpha": "x"}"#, "alpha: "),
        ("[", "not valid JSON"),
    ])
    func `settings that cannot be are refused with their place`(json: String, reason: String) throws {
        do throws(CommandFailure) {
            let wanted: ConfigurationOverrides
            do { wanted = try overrides(json) } catch let error as CommandFailure { throw error } catch {
                return
            }
            _ = try wanted.applied(to: RunJudge().configuration)
            Issue.record("\(json) was taken")
        } catch {
            #expect(error.status == .badInput)
            #expect(error.message.contains(reason), "\(error.message)")
        }
    }

    @Test func `the run's playbook says how it was judged`() throws {
        let text = """
            service: mina
            environments:
              blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
              green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }
            balancers: [ { nginx: /etc/nginx/conf.d/mina.conf, upstream: mina } ]
            strategy: { canary: [10%, 100%], early: false }
            monitor: { confidence: 95%, clustering: 3, metrics: { error_rate: { from: balancer, instant: "> 2%" } } }
            severity: { P1: "> 50%" }
            """
        let loaded = Playbook.load(bytes: Array(text.utf8), path: "book.yml", catalogue: Catalogue.shared)
        let judge = RunJudge(try loaded.get(), Script.canary())
        let wanted = try overrides(#"{"alpha": 0.05, "phi": 3, "L": 0.02}"#)
        #expect(wanted.changes(of: judge.configuration).isEmpty)
        #expect(!judge.endsEarly)
        #expect(judge.severities.first(for: 0.6) == "P1")
    }
}
