public import DeployCore

/// A run told as a transcript: each `>` line is an event, the lines under it are what came of it.
///
/// A transcript is both the test and its expected output, so a change of behaviour shows up in review as a change
/// of prose.
public enum Transcript {
    public struct BadLine: Error { public let text: String }

    public static func retell(_ script: String, plan: Plan) throws(BadLine) -> String {
        var state = RunState(plan: plan)
        var told: [String] = []
        for line in script.split(separator: "\n") where line.hasPrefix("> ") {
            let before = state
            let transition = Reducer.step(state, try event(String(line), plan: plan))
            state = transition.state
            told.append(String(line))
            if let refusal = transition.refusal { told.append("  refused: \(refusal)") }
            if state != before { told.append("  " + describe(state)) }
            if !transition.cancelled.isEmpty { told.append("  stop \(transition.cancelled)") }
            told += transition.effects.map { "  effect \($0.id): \(describe($0.effect))" }
        }
        return told.joined(separator: "\n") + "\n"
    }

    private static func event(_ line: String, plan: Plan) throws(BadLine) -> RunEvent {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 3, words[1].hasSuffix("s"), let seconds = Int64(words[1].dropLast()) else {
            throw BadLine(text: line)
        }
        let kind = try kind(words[2], Array(words.dropFirst(3)), line, plan: plan)
        return RunEvent(at: Timestamp(milliseconds: seconds * 1000), kind)
    }

    private static func kind(
        _ verb: String,
        _ rest: [String],
        _ line: String,
        plan: Plan
    ) throws(BadLine) -> RunEvent.Kind {
        let pending = rest.first.flatMap(Int.init)
        let text = rest.dropFirst().joined(separator: " ")
        switch (verb, pending) {
        case ("start", _): return .started(plan: plan)
        case ("resumed", _): return .resumed(by: Actor(rest.joined(separator: " ")))
        case ("ok", let id?): return .succeeded(effect: id, captures: [:], summary: nil)
        case ("failed", let id?):
            let traffic: TrafficKnowledge = rest.dropFirst().first == "unknown" ? .unknown : .unchanged
            return .failed(effect: id, reason: rest.dropFirst(2).joined(separator: " "), traffic: traffic)
        case ("passed", let id?): return .judged(effect: id, verdict: .passed(summary: text))
        case ("rollback!", let id?): return .judged(effect: id, verdict: .rollBack(reason: text))
        case ("degraded!", let id?): return .judged(effect: id, verdict: .rollBackGradually(reason: text))
        case ("dark!", let id?): return .judged(effect: id, verdict: .inconclusive(reason: text))
        default: return try command(verb, rest, line)
        }
    }

    private static func command(
        _ verb: String,
        _ rest: [String],
        _ line: String
    ) throws(BadLine) -> RunEvent.Kind {
        let command: Command
        switch verb {
        case "approve": command = .approve
        case "pause": command = .pause
        case "proceed": command = .proceed
        case "promote": command = .promote(full: rest.first == "full")
        case "abort": command = .abort
        case "rollback": command = .rollback(gradual: false)
        case "rollback-gradually": command = .rollback(gradual: true)
        case "retire": command = .retire(early: false)
        case "retire-now": command = .retire(early: true)
        case "note": command = .note(remarks: [Remark(.note, "seen")])
        default: throw BadLine(text: line)
        }
        let parts = rest.joined(separator: " ").split(separator: ":", maxSplits: 1)
        let reason = parts.dropFirst().first.map { String($0.drop { $0 == " " }) }
        let name = verb == "promote" ? "ana" : parts.first.map(String.init) ?? "ana"
        return .commanded(command: command, by: Actor(name), reason: reason)
    }
}

extension Transcript {
    private static func describe(_ state: RunState) -> String {
        let moved = state.hasMovedTraffic ? "" : ", no traffic moved"
        let paused = state.pause.map { ", paused by \($0.by)" } ?? ""
        let pending = state.pending.map { $0.isCancelled ? "(\($0.id))" : "\($0.id)" }
        let waits = pending.isEmpty ? "" : ", pending \(pending.joined(separator: " "))"
        let failed = state.failedChecks.map(\.rawValue).joined(separator: " ")
        let found = failed.isEmpty ? "" : ", failed checks \(failed)"
        return
            "\(describe(state.stage, state.plan)), candidate \(state.confirmed)\(moved)\(paused)\(found)\(waits)"
    }

    private static func describe(_ stage: RunState.Stage, _ plan: Plan) -> String {
        switch stage {
        case .idle: "idle"
        case .forward(let phase, .steps(_, let failure?, _)): "\(plan.phases[phase].name) failed: \(failure)"
        case .forward(let phase, _): "\(plan.phases[phase].name)"
        case .returning(let journey): "rolling back: \(journey.reason)"
        case .released: "released"
        case .ended(.failed(let reason)): "FAILED: \(reason)"
        case .ended(.rolledBack(let reason)): "ROLLED BACK: \(reason)"
        case .ended(.rollbackFailed(let reason)): "ROLLBACK FAILED: \(reason)"
        }
    }

    private static func describe(_ effect: Effect) -> String {
        switch effect {
        case .step(let step): step.title
        case .approval(_, let people, let until): "wait for \(people) to approve until \(seconds(until))"
        case .wait(let step, let until): "wait for \(step) until \(seconds(until))"
        case .window(let step, let opens, let until):
            "\(step.title): \(opens.map { "opens \(seconds($0))" } ?? "never opens"), waited for until \(seconds(until))"
        case .route(let share): "route \(share)"
        case .watch(let watch): "watch \(watch.candidate) (\(watch.purpose)) until \(seconds(watch.until))"
        case .drain(let until): "drain until \(seconds(until))"
        }
    }

    private static func seconds(_ time: Timestamp) -> String { "\(time.milliseconds / 1000)s" }
}
