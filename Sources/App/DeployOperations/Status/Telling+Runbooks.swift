import DeployCore
import DeployPorts

/// The words of a runbook's run, which moves no traffic.
extension Telling {
    static func begun(_ plan: Plan) -> (ToldLine.Mark, String)? {
        guard let part = plan.runbook else { return nil }
        let why = plan.reason.map { ": \($0)" } ?? ""
        return (.tells, part.action == nil ? "\(part.place): looking\(why)" : "\(part.subject)\(why)")
    }

    /// What follows from an entry, beside what it brought itself.
    static func runbookLines(
        of entry: JournalEntry,
        _ before: RunState?,
        _ after: RunState,
        told: ToldLine?
    ) -> [ToldLine] {
        var lines: [ToldLine] = []
        func tell(_ mark: ToldLine.Mark, _ phase: PhaseName?, _ text: String) {
            lines.append(ToldLine(at: entry.event.at, phase: phase, mark: mark, text: text))
        }
        if let pause = after.pause, before?.pause == nil {
            let why = pause.reason.map { ": \($0)" } ?? ""
            tell(.waits, after.phase, "paused by \(pause.by)\(why)\nGo on: `bgdeploy resume \(entry.run)`")
        }
        for pending in entry.effects {
            let (mark, text) = begin(pending.effect, after, at: entry.event.at)
            let named = text.replacing("`bgdeploy approve`", with: "`bgdeploy approve \(entry.run)`")
                .replacing("`bgdeploy promote`", with: "`bgdeploy promote \(entry.run)`")
            tell(mark, after.phase, named)
        }
        let cause = told.flatMap { $0.mark == .fails ? $0.text : nil }
        if let (mark, text) = ending(before, after, cause: cause) { tell(mark, nil, text) }
        return lines
    }

    /// With what a person should think of and may do.
    static func checkFailed(_ step: Step, _ text: String, _ plan: Plan) -> String {
        guard let check = plan.runbook?.checks.first(where: { $0.step == step.id }) else { return text }
        let severity = check.severity.map { "\($0): " } ?? ""
        return ([severity + text] + check.advice).joined(separator: "\n")
    }

    static func ending(
        of part: RunbookPart,
        _ state: RunState,
        told: (String) -> String
    ) -> (ToldLine.Mark, String)? {
        switch state.stage {
        case .released:
            let failed = state.failedChecks.count
            let done = part.action == nil ? "looked" : "\(part.subject): done"
            guard failed > 0 else {
                return (
                    .succeeds, "\(done): \(part.checks.count == 1 ? "the check is" : "all checks are") fine"
                )
            }
            return (.fails, "\(done): \(failed) of \(part.checks.count) checks failed")
        case .ended(.failed(let reason)), .ended(.rolledBack(let reason)),
            .ended(.rollbackFailed(let reason)):
            let rest =
                part.action == nil ? "" : "\nWhat its steps did before stays done; look what is so now."
            return (.fails, "\(part.subject) failed\n\(told(reason))\(rest)")
        case .idle, .forward, .returning: return nil
        }
    }
}

extension RunbookCheck {
    /// Lines for below a failure.
    package var advice: [String] {
        (hint.map { [$0] } ?? [])
            + (suggests.isEmpty ? [] : ["may help: \(suggests.joined(separator: ", "))"])
    }
}
