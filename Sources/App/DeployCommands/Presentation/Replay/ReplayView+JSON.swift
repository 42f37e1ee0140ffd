import DeployCore
import DeployOperations
import DeployPorts
import SequentialStatistics

/// The same for programs.
extension ReplayView {
    var json: JSON {
        let plan = run.state.plan
        let last = traffic.ticks.count - 1
        return .object([
            ("run", .text(run.record.id.rawValue)), ("service", .text(plan.service)),
            ("version", .text(plan.version.rawValue)), ("state", .text(run.state.condition.rawValue)),
            ("stable", .text(plan.stable.rawValue)), ("candidate", .text(plan.candidate.rawValue)),
            ("began", .text(Clock.iso(traffic.began))), ("lastSecond", .number(traffic.second(of: last))),
            ("settings", settings),
            ("recorded", .list(traffic.endings.map(object))),
            ("replayed", .list(replay.decisions.map(object))),
            ("highest", .object(replay.peaks.map { ($0.metric.name, object($0)) })),
            ("agrees", .flag(agrees)), ("conclusion", .text(conclusion)),
        ])
    }

    private var settings: JSON {
        .object([
            ("from", .text(judge.isGuessedBecause == nil ? "playbook" : "defaults")),
            ("because", judge.isGuessedBecause.map { .text($0) } ?? .null),
            (
                "changed",
                .object(
                    changes.map {
                        ($0.name, .object([("from", .text($0.before)), ("to", .text($0.after))]))
                    }
                )
            ),
        ])
    }

    private func place(_ tick: Int) -> [(String, JSON)] {
        let at = traffic.ticks[tick]
        return [
            ("second", .number(traffic.second(of: tick))), ("step", .number(at.step + 1)),
            ("steps", .number(at.steps)), ("share", .decimal(at.share * 100)),
        ]
    }

    private func object(_ ending: RecordedTraffic.Ending) -> JSON {
        switch ending.cause {
        case .judged(let verdict):
            .object([("at", .text(Clock.iso(ending.at)))] + place(ending.tick) + verdict.fields)
        case .commanded(let command, let actor):
            .object(
                [("at", .text(Clock.iso(ending.at)))] + place(ending.tick)
                    + [("verdict", .text(command.word)), ("by", .text(actor.name))]
            )
        }
    }

    private func object(_ decision: Replay.Decision) -> JSON {
        let verdict = decision.isGood && decision.verdict == .goOn ? .promote : decision.verdict
        var fields = place(decision.tick)
        fields += [
            ("verdict", .text(verdict.name)), ("cause", verdict.cause.map { .text($0) } ?? .null),
            ("mode", verdict.rollbackMode.map { .text($0.rawValue) } ?? .null),
        ]
        if let metric = verdict.metric {
            fields += [
                ("evidence", .decimal(replay.judgements[decision.tick].evidence[metric])),
                ("threshold", .decimal(replay.configuration.threshold(of: metric))),
            ]
        }
        return .object(fields)
    }

    private func object(_ peak: Replay.Peak) -> JSON {
        .object([
            ("evidence", .decimal(peak.logEvidence)), ("threshold", .decimal(peak.threshold)),
            ("second", .number(traffic.second(of: peak.tick))),
        ])
    }
}

extension SequentialStatistics.Verdict {
    /// The one that stands behind it.
    fileprivate var metric: Metric? {
        switch self {
        case .rollBack(let metric), .hold(.objection(_, let metric)): metric
        case .goOn, .promote, .inconclusive, .hold(.noData): nil
        }
    }
}
