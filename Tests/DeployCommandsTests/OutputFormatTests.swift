@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployEngine
import DeployPorts
import Foundation
import Testing

/// What programs read: JSON lines, and GitHub's workflow commands.
struct OutputFormatTests {
    private let hostile = "first \"quoted\" \\ line\n::error::injected\n\u{1B}[2J\u{202E}\t\u{0}é"

    private func play(_ script: inout Script) {
        script.goToFirstHold()
        script.happen(.noted(note: Note(topic: "traffic", text: hostile, facts: ["b": "2", "a": hostile])))
        script.command(.pause, hostile)
        script.command(.proceed)
        script.judge(.rollBack(reason: hostile), after: .seconds(9))
        script.fail(hostile, .unknown)
        script.succeed()
        script.succeed("blue 100 %, green 0 %")
        script.succeed()
    }

    private func objects(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test func `every event is one JSON object on one line`() throws {
        let tape = try Tape()
        var script = Script(to: JSONReporter(printer: tape.printer))
        play(&script)
        let objects = try objects(tape.text)
        #expect(objects.count == script.entries.count)
        for (index, object) in objects.enumerated() {
            #expect(object["event"] as? Int == index + 1)
            #expect(object["run"] as? String == Script.run.rawValue)
            for key in ["at", "type", "state", "message"] {
                #expect(object[key] is String, "\(key) of \(index + 1)")
            }
            let split = try #require(object["split"] as? [String: Double])
            #expect(split.values.reduce(0, +) == 100)
            #expect(Set(split.keys) == ["blue", "green"])
        }
    }

    @Test func `each kind of event brings its own fields`() throws {
        let tape = try Tape()
        var script = Script(to: JSONReporter(printer: tape.printer))
        play(&script)
        let objects = try objects(tape.text)
        func first(_ type: String) throws -> [String: Any] {
            try #require(objects.first { $0["type"] as? String == type })
        }
        let started = try first("started")
        #expect(started["version"] as? String == "v2.5.0")
        #expect(started["candidate"] as? String == "green")
        #expect(started["phase"] as? String == "preflight")
        #expect(try first("succeeded")["step"] as? String == "preflight/1")
        let failed = try first("failed")
        #expect(failed["reason"] as? String == hostile)
        #expect(failed["traffic"] as? String == "unknown")
        #expect(failed["phase"] as? String == "rollback")
        #expect(try first("judged")["verdict"] as? String == "rollback")
        let approved = try first("commanded")
        #expect(approved["command"] as? String == "approve")
        #expect(approved["by"] as? String == "ana@ci-7")
        #expect(approved["reason"] is NSNull)
        #expect(try first("noted")["facts"] as? [String: String] == ["a": hostile, "b": "2"])
        #expect(objects.last?["state"] as? String == "rolledBack")
        #expect(objects.last?["phase"] is NSNull)
    }

    @Test func `numbers and text of JSON survive a foreign reader`() throws {
        let json = JSON.object([
            ("n", .number(-3)), ("d", .decimal(12.5)), ("whole", .decimal(25)), ("nan", .decimal(.nan)),
            ("t", .text(hostile)), ("l", .list([.flag(true), .null])), ("e", .list([])), ("o", .object([])),
        ])
        for text in [JSON.text(json), JSON.text(json, indent: 2)] {
            let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            #expect(read["n"] as? Int == -3)
            #expect(read["d"] as? Double == 12.5)
            #expect(read["t"] as? String == hostile)
            #expect(read["nan"] is NSNull)
        }
    }

    // MARK: GitHub

    @Test func `each phase is a group, and every group is closed`() throws {
        let tape = try Tape()
        var script = Script(to: GitHubReporter(printer: tape.printer))
        play(&script)
        var open: String?
        var seen: [String] = []
        for line in tape.lines {
            if line.hasPrefix("::group::") {
                #expect(open == nil)
                open = String(line.dropFirst("::group::".count))
                seen.append(open ?? "")
            } else if line == "::endgroup::" {
                #expect(open != nil)
                open = nil
            }
        }
        #expect(open == nil)
        #expect(seen == ["preflight", "prepare", "validate", "switch", "rollback"])
    }

    @Test func `a failure is an annotation on one line, escaped`() throws {
        let tape = try Tape()
        var script = Script(to: GitHubReporter(printer: tape.printer))
        script.start()
        script.fail("50 % of\nnothing\r\n::warning::x")
        let errors = tape.lines.filter { $0.hasPrefix("::error ") }
        let first = try #require(errors.first)
        #expect(first.contains("50 %25 of%0Anothing"))
        #expect(first.contains("%0A::warning::x"))
        #expect(errors.count == 2)
    }

    @Test func `neither a step's output nor a reason is taken for a command`() throws {
        let tape = try Tape()
        let reporter = GitHubReporter(printer: tape.printer)
        var script = Script(to: reporter)
        script.start()
        for line in [
            "::error::x", "  ::add-mask::a", "a\n::stop-commands::t", "##[command]x", "\r::debug::x",
        ] {
            reporter.output(line, of: StepID(rawValue: "preflight/1"))
        }
        script.fail(hostile)
        let ours = ["::group::", "::endgroup::", "::error title=", "::warning title="]
        for line in tape.lines where line.drop(while: { $0.isWhitespace }).hasPrefix("::") {
            #expect(ours.contains { line.hasPrefix($0) }, "\(line)")
        }
        for line in tape.lines where !line.hasPrefix("::") { #expect(!line.contains("##[")) }
    }
    @Test func `a verdict is told whole and its facts are not printed`() throws {
        let reason =
            "error rate of green 5.2 % (52 of 1,000 requests in 10 s), worse than blue: 0.3 %; a version that is no "
            + "worse looks so in less than 1 of 45,551 runs"
        let tape = try Tape()
        let github = GitHubReporter(printer: tape.printer)
        let plain = PlainReporter(printer: tape.printer, style: Style(usesColor: false), showsOutput: false)
        for reporter in [github, plain] as [any RunObserver] {
            var script = Script(to: reporter)
            script.goToFirstHold()
            script.happen(
                .noted(note: Note(topic: "traffic", text: "green 20", facts: ["evidence.err_rel": "5.8912"]))
            )
            let impact = Note(
                topic: "impact",
                text: "P1: 52 of 1,000 failed",
                facts: ["impact.failed": "52077"]
            )
            script.happen(.noted(note: impact))
            script.judge(.rollBack(reason: reason), after: .seconds(1))
        }
        let lines = tape.lines
        let verdicts = lines.filter { $0.hasSuffix("switch     ✗ \(reason)") }
        #expect(verdicts.count == 2)
        #expect(lines.contains("::error title=bgdeploy: switch::\(reason.replacing("%", with: "%25"))"))
        #expect(lines.contains("::warning title=bgdeploy: switch::P1: 52 of 1,000 failed"))
        for noise in ["5.8912", "52077", "evidence.err_rel"] { #expect(!tape.text.contains(noise)) }
    }
}
