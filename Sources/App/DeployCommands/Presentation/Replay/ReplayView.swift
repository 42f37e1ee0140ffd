import DeployCore
import DeployOperations
import DeployPorts
import SequentialStatistics
import TrafficJudgement

/// What was recorded of a run beside what a replay decides.
struct ReplayView {
    let run: RecordedRun
    let traffic: RecordedTraffic
    let replay: Replay
    let judge: RunJudge
    let changes: [ConfigurationOverrides.Change]

    /// What was recorded or is decided at one tick.
    struct Row {
        let tick: Int
        var recorded: RecordedTraffic.Ending?
        var replayed: Replay.Decision?
    }

    /// In the order of their ticks.
    var rows: [Row] {
        var rows: [Row] = []
        for ending in traffic.endings { rows.append(Row(tick: ending.tick, recorded: ending)) }
        for decision in replay.decisions {
            let place = rows.firstIndex { $0.tick == decision.tick && $0.recorded?.person == nil }
            if let place {
                rows[place].replayed = decision
            } else {
                rows.append(Row(tick: decision.tick, replayed: decision))
            }
        }
        return rows.enumerated().sorted { ($0.element.tick, $0.offset) < ($1.element.tick, $1.offset) }
            .map(\.element)
    }

    private var plan: Plan { run.state.plan }

    // MARK: text

    var text: String {
        var lines = [
            "\(plan.service) \(plan.version), run \(run.record.id): \(plan.stable) → \(plan.candidate), "
                + run.state.condition.rawValue,
            "\(traffic.ticks.count) s were counted from \(Clock.time(traffic.began)); judged anew by \(basis)",
            "",
            Self.line("second", "step", "recorded", "replayed"),
        ]
        lines += rows.map { row in
            Self.line(
                "\(row.recorded?.second ?? traffic.second(of: row.tick))",
                Self.place(traffic.ticks[row.tick]),
                row.recorded.map(Self.words) ?? "",
                row.replayed.map { words(for: $0) } ?? ""
            )
        }
        if rows.isEmpty { lines.append("  no verdict on either side") }
        return (lines + [""] + [conclusion] + details).joined(separator: "\n")
    }

    private static func line(
        _ second: String,
        _ place: String,
        _ recorded: String,
        _ replayed: String
    ) -> String {
        let start = String(repeating: " ", count: max(0, 6 - second.count)) + second
        let text = "\(start)  \(place.padded(to: 11))  \(recorded.padded(to: 30))  \(replayed)"
        return String(text.reversed().drop { $0 == " " }.reversed())
    }

    /// `2/4 at 25 %`.
    private static func place(_ tick: Tick) -> String {
        "\(tick.step + 1)/\(tick.steps) \(Figure.plain(tick.share * 100, places: 1)) %"
    }

    private var basis: String {
        let own =
            judge.isGuessedBecause.map {
                "the defaults, since the run's playbook cannot be read any more (\($0))"
            }
            ?? "the settings of the run's own playbook"
        guard !changes.isEmpty else { return own }
        return own + ", but "
            + changes.map { "\($0.name) \($0.after) (was \($0.before))" }.joined(separator: ", ")
    }

    private static func words(for ending: RecordedTraffic.Ending) -> String {
        switch ending.cause {
        case .judged(.passed): "passed"
        case .judged(.rollBack): "rolled back at once"
        case .judged(.rollBackGradually): "rolled back by steps"
        case .judged(.inconclusive): "inconclusive: asked a person"
        case .commanded(.promote(let full), let actor): "promoted\(full ? " to 100 %" : "") by \(actor)"
        case .commanded(_, let actor): "taken back by \(actor)"
        }
    }

    private func words(for decision: Replay.Decision) -> String {
        switch decision.verdict {
        case .rollBack(let metric):
            let way = metric.rollbackMode == .instant ? "at once" : "by steps"
            return "roll back \(way): \(metric.name), \(level(of: metric, decision.tick))"
        case .hold(.objection(let objection, let metric)):
            return "hold (\(objection.words)): \(metric.name), \(level(of: metric, decision.tick))"
        case .hold(.noData(.candidate)): return "hold: \(plan.candidate) answers nothing"
        case .hold(.noData): return "hold: \(plan.stable) answers nothing"
        case .promote, .goOn: return "good enough for the next step"
        case .inconclusive: return "inconclusive: the step is as long as it may be"
        }
    }

    private func level(of metric: Metric, _ tick: Int) -> String {
        let evidence = replay.judgements[tick].evidence[metric]
        return "evidence \(Figure.decimal(evidence, places: 1)) of "
            + Figure.decimal(replay.configuration.threshold(of: metric), places: 1)
    }

    // MARK: what it comes to

    /// Whether the replay takes the traffic back where the run did by itself, or neither does.
    var agrees: Bool {
        guard let recorded = traffic.rollback, recorded.person == nil else { return replay.rollback == nil }
        return recorded.tick == replay.rollback?.tick
    }

    /// In sentences.
    var conclusion: String {
        guard let replayed = replay.rollback, case .rollBack(let metric) = replayed.verdict else {
            return stays
        }
        let second = traffic.second(of: replayed.tick)
        let what = "because of \(metric.name) (\(metric.meaning(plan.candidate, plan.stable)))"
        guard let recorded = traffic.rollback else {
            return "The run did not go back; the replay does at second \(second), \(what)."
        }
        if agrees { return "Both go back at second \(second), \(what)." }
        let difference = abs(recorded.second - second)
        return "\(recorded.words) at second \(recorded.second); the replay goes back at second \(second), "
            + "\(difference) s \(second < recorded.second ? "sooner" : "later"), \(what)."
    }

    private var stays: String {
        let end = traffic.second(of: traffic.ticks.count - 1)
        guard let recorded = traffic.rollback else {
            return
                "Both leave the traffic with \(plan.candidate), as far as the record goes (second \(end)). \(nearest)"
        }
        return
            "\(recorded.words) at second \(recorded.second); the replay does not until the record ends, at second "
            + "\(end). \(nearest) Whether it would have gone back later cannot be told."
    }

    private var nearest: String {
        guard let peak = replay.peaks.first, peak.part > 0 else {
            return "Nothing spoke against the candidate."
        }
        return
            "Nearest was \(peak.metric.name) with \(Figure.percent(peak.part)) of the evidence that it takes, "
            + "at second \(traffic.second(of: peak.tick))."
    }

    /// What to keep in mind.
    private var details: [String] {
        var lines: [String] = []
        if case .judged(let verdict) = traffic.rollback?.cause {
            switch verdict {
            case .rollBack(let reason), .rollBackGradually(let reason): lines.append("Recorded: \(reason)")
            case .passed, .inconclusive: break
            }
        }
        if replay.decisions.contains(where: \.isGood) {
            lines.append(
                "After a step that the replay would have ended, the figures are those of the share that the run kept."
            )
        }
        lines.append(
            "Limits of durations and of numbers of the application are not judged here: only the evidence is on "
                + "record second by second."
        )
        return lines.map { Style.harmless($0) }
    }
}

extension RecordedTraffic.Ending {
    fileprivate var words: String { person.map { "\($0) took the traffic back" } ?? "The run went back" }
}

extension Objection {
    fileprivate var words: String {
        switch self {
        case .belowEffect: "too small to go back for"
        case .recovered: "clean again"
        case .commonCause: "both environments are bad"
        }
    }
}
