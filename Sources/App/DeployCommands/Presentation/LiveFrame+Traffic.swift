import DeployCore
import DeployEngine
import DeployOperations
import TrafficJudgement

/// Where the traffic is, how it does, and what the run waits for.
extension LiveFrame {
    func trafficLines(_ state: RunState) -> [LiveLine] {
        [bar(state)] + figureLines(state.plan) + waitingLines(state)
    }

    /// A colour name is shown in its colour; any other pair in two that can be told apart.
    func tint(of name: EnvironmentName, _ plan: Plan) -> Style.Tint {
        let named: [String: Style.Tint] = ["blue": .blue, "green": .green, "red": .red, "yellow": .yellow]
        if let own = named[plan.stable.rawValue], let other = named[plan.candidate.rawValue] {
            return name == plan.stable ? own : other
        }
        return name == plan.stable ? .blue : .green
    }

    private func bar(_ state: RunState) -> LiveLine {
        let plan = state.plan
        let names = state.split.environments
        let shares = names.map { state.split.share(of: $0) }
        let left = "  \(names[0]) \(shares[0]) %  "
        let right = "  \(shares[1]) % \(names[1])"
        let width = min(40, size.columns - LiveLine.cells(left) - LiveLine.cells(right))
        guard width >= 6 else { return LiveLine("  \(state.split)") }
        // A part that has any traffic is never drawn as none.
        var first = (shares[0].tenths * width + 500) / 1000
        if shares[0] > .zero, first == 0 { first = 1 }
        if shares[1] > .zero, first == width { first = width - 1 }
        let second = style.usesColor ? "█" : "░"
        return LiveLine(left, tint(of: names[0], plan))
            .adding(String(repeating: "█", count: first), tint(of: names[0], plan))
            .adding(String(repeating: second, count: width - first), tint(of: names[1], plan))
            .adding(right, tint(of: names[1], plan))
    }

    private func figureLines(_ plan: Plan) -> [LiveLine] {
        guard let figures = model.figures else { return [] }
        let width = min(16, max(plan.stable.rawValue.count, plan.candidate.rawValue.count, 6))
        let head = LiveLine("  ".padded(to: width + 2) + "   req/s    errors       p95", .faint)
        let rows = [(plan.stable, figures.stable), (plan.candidate, figures.candidate)]
        let share = figures.share?.text.map { [LiveLine("  share: \($0)", .faint)] } ?? []
        let lines = rows.sorted { $0.0 < $1.0 }.map { name, seen in
            let errors = seen.errorRate.map(Figure.percent) ?? "–"
            let isBad = (seen.errorRate ?? 0) >= 0.01
            let rate = seen.requestsPerSecond
            return LiveLine("  ").adding(name.rawValue.padded(to: width), tint(of: name, plan))
                .adding(Self.right(Figure.decimal(rate, places: rate < 10 ? 1 : 0), 8))
                .adding(Self.right(errors, 10), isBad ? .red : nil)
                .adding(Self.right(seen.latencyP95.map(Figure.duration) ?? "–", 10))
        }
        return [head] + lines + share + evidenceLines(figures, plan)
    }

    /// How near the evidence is to a rollback, and to the next step.
    private func evidenceLines(_ figures: TrafficFigures, _ plan: Plan) -> [LiveLine] {
        guard let evidence = figures.evidence, let worst = evidence.worst else { return [] }
        func percent(_ part: Double) -> String { "\(Int((part * 100).rounded(.down))) %" }
        let against =
            worst.part > 0
            ? "\(percent(worst.part)) of what a rollback takes (\(worst.metric))" : "none for a rollback"
        let good =
            figures.watch.purpose == .hold
            ? "; \(percent(evidence.good)) of what the next step takes" : ""
        let line = LiveLine("  evidence: ", .faint)
        return [line.adding(against, worst.part > 0.5 ? .red : .faint).adding(good, .faint)]
    }

    // MARK: waiting

    private func waitingLines(_ state: RunState) -> [LiveLine] {
        var lines: [LiveLine] = []
        if let pause = state.pause {
            let why = pause.reason.map { ": \($0)" } ?? ""
            lines.append(LiveLine("  ‖ ", .blue).adding("paused by \(pause.by)\(why)"))
        }
        for pending in state.pending where !pending.isCancelled {
            guard let text = waiting(for: pending.effect, state) else { continue }
            let parts = LiveLine.wrapped(text, width: max(1, size.columns - 4), limit: 2)
            lines += parts.enumerated().map { index, part in
                LiveLine(index == 0 ? "  … " : "    ", .blue).adding(part)
            }
        }
        return lines
    }

    private func waiting(for effect: Effect, _ state: RunState) -> String? {
        switch effect {
        case .approval(let step, let people, let until):
            let given = state.approvalCount
            let count = people == 1 ? "an approval" : "\(people) approvals (\(given) given)"
            return "\(step.title): waits for \(count): \(left(until)); `bgdeploy approve` gives one"
        case .wait(let step, let until):
            if case .returning = state.stage { return "tries again: \(left(until))" }
            guard state.isOnItsWay else { return nil }
            return "\(state.plan.title(of: step)): \(left(until)); `bgdeploy promote` goes on at once"
        case .window(let step, let opens, let until):
            guard let opens, opens <= until else { return nil }
            return "\(step.title): opens \(left(opens))"
        case .watch(let watch): return waiting(for: watch, state)
        case .drain(let until):
            let count = model.connections.map {
                "\($0) connection\($0 == 1 ? "" : "s") to \(state.plan.stable) left, "
            }
            return "drain: \(count ?? "")\(countdown(until)) at most"
        case .step, .route: return nil
        }
    }

    private func waiting(for watch: Watch, _ state: RunState) -> String {
        switch watch.purpose {
        case .hold: "hold \(watch.candidate): \(left(watch.until)); `bgdeploy promote` ends it"
        case .monitor: "monitor: \(left(watch.until)); `bgdeploy promote` ends it"
        case .pause:
            "rolled back in \(countdown(watch.until)) unless somebody decides: `bgdeploy resume` or `bgdeploy rollback`"
        case .rollback:
            "hold \(watch.candidate) on the way back: \(left(watch.until)); `bgdeploy rollback` ends it"
        }
    }

    private func left(_ until: Timestamp) -> String { "\(countdown(until)) left" }

    /// Whole seconds, never zero before it is.
    private func countdown(_ until: Timestamp) -> String {
        let seconds = (until.since(now).milliseconds + 999) / 1000
        return seconds < 10 ? "\(seconds)s" : Self.time(.seconds(seconds))
    }

    // MARK: figures

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}

extension RunState {
    var isOnItsWay: Bool {
        if case .forward = stage { true } else { false }
    }
}
