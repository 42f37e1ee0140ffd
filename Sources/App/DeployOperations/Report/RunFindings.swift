package import DeployCore
package import SequentialStatistics
package import TrafficJudgement

/// What a report says of the evidence: its journal's ticks, judged anew.
package struct RunFindings {
    package let traffic: RecordedTraffic
    package let replay: Replay
    package let judge: RunJudge
    package let plan: Plan

    /// One metric: what was seen, against what, how sure, since when.
    package struct Row {
        package let metric: String
        package let meaning: String
        package let seen: String
        /// `10.7 of 5.7`.
        package let evidence: String
        package let sure: String
        /// `11:20:14 to 11:20:21`.
        package let when: String
        package let isEnough: Bool
    }

    /// `nil` when nothing was counted.
    package init?(_ run: RecordedRun, _ judge: RunJudge) {
        guard let traffic = RecordedTraffic(run) else { return nil }
        self.traffic = traffic
        self.judge = judge
        replay = Replay(traffic.ticks, by: judge)
        plan = run.state.plan
    }

    /// The metrics by which anything spoke against the candidate, the gravest first.
    package var rows: [Row] { replay.peaks.filter { $0.logEvidence >= 0.05 }.map(row) }

    /// The metrics that were judged and by which nothing spoke against it.
    package var silent: [Metric] { replay.peaks.filter { $0.logEvidence < 0.05 }.map(\.metric) }

    private func row(_ peak: Replay.Peak) -> Row {
        let (from, to) = (Clock.time(traffic.time(of: peak.since)), Clock.time(traffic.time(of: peak.tick)))
        return Row(
            metric: peak.metric.name,
            meaning: peak.metric.meaning(plan.candidate, plan.stable),
            seen: seen(peak),
            evidence:
                "\(Figure.decimal(peak.logEvidence, places: 1)) of \(Figure.decimal(peak.threshold, places: 1))",
            sure: Self.words(forOdds: replay.judgements[peak.tick].odds(against: peak.metric)),
            when: from == to ? to : "\(from) to \(to)",
            isEnough: peak.part >= 1
        )
    }

    /// What both environments did while the evidence rose.
    private func seen(_ peak: Replay.Peak) -> String {
        func sum(_ arm: KeyPath<Tick, Tick.Arm>, _ count: KeyPath<Tick.Arm, Int>) -> Int {
            traffic.ticks[peak.since...peak.tick].reduce(0) { $0 + $1[keyPath: arm][keyPath: count] }
        }
        func part(_ events: KeyPath<Tick.Arm, Int>, _ of: KeyPath<Tick.Arm, Int>, _ what: String) -> String {
            let sides: [(EnvironmentName, KeyPath<Tick, Tick.Arm>)] = [
                (plan.candidate, \.candidate), (plan.stable, \.stable),
            ]
            return sides.map { name, arm in
                let (some, all) = (sum(arm, events), sum(arm, of))
                let rate = all > 0 ? " (\(Figure.percent(Double(some) / Double(all))))" : ""
                return "\(name) \(Figure.count(some)) of \(Figure.count(all))\(what)\(rate)"
            }.joined(separator: ", ")
        }
        return switch peak.metric {
        case .relativeErrors, .absoluteErrors, .baselineErrors: part(\.errors, \.requests, " failed")
        case .relativeLatency: part(\.slow, \.timed, " slow")
        case .baselineLatency: part(\.verySlow, \.timed, " very slow")
        case .webSockets: part(\.failedHandshakes, \.handshakes, " handshakes failed")
        case .exceptions: part(\.exceptions, \.requests, " exceptions")
        case .silence:
            "\(plan.candidate) answered \(Figure.count(sum(\.candidate, \.requests))), "
                + "\(plan.stable) \(Figure.count(sum(\.stable, \.requests)))"
        }
    }

    /// What Ville's inequality says of evidence as high as it was.
    private static func words(forOdds odds: Double) -> String {
        guard odds >= 2 else { return "says little" }
        return "by chance in less than 1 of \(Figure.count(Int(min(odds, 1e6)))) runs"
    }

    // MARK: for it

    /// How sure it was in a step that the candidate is good: where that was enough, else where the step ended.
    package struct Certificate {
        package let step: Int
        package let share: Double
        package let errors: Double
        /// `nil` where no durations are known.
        package let latency: Double?
        package let needed: Double
        /// The first tick at which both were enough.
        package let enoughAt: Int?
    }

    package var certificates: [Certificate] {
        let needed = replay.configuration.certificateThreshold
        let steps = Set(traffic.ticks.map(\.step)).sorted()
        return steps.map { step in
            let indices = traffic.ticks.indices.filter { traffic.ticks[$0].step == step }
            let isTimed = indices.contains { traffic.ticks[$0].candidate.timed > 0 }
            let enough = indices.first { index in
                let both = replay.judgements[index].certificates
                return both.errors >= needed && (!isTimed || both.latency >= needed)
            }
            let at = enough ?? indices.last
            let level = at.map { replay.judgements[$0].certificates }
            return Certificate(
                step: step + 1,
                share: indices.last.map { traffic.ticks[$0].share } ?? 0,
                errors: level?.errors ?? 0,
                latency: isTimed ? level?.latency : nil,
                needed: needed,
                enoughAt: enough
            )
        }
    }

    /// `3.2 of 3.0`.
    package func level(_ evidence: Double) -> String {
        "\(Figure.decimal(max(0, evidence), places: 1)) of \(Figure.decimal(replay.configuration.certificateThreshold, places: 1))"
    }

    // MARK: what it did

    /// Of all that was counted: for a run that a person took back, and for one that went well.
    package var impact: Impact { Impact(traffic.ticks) }

    /// How grave the candidate's errors of the last ten seconds were, and how grave it was that it was `slowdown`
    /// times as slow; `nil` when no name is for it.
    package func severity(slowdown: Double?) -> String? {
        let last = traffic.ticks.suffix(10)
        let requests = last.reduce(0) { $0 + $1.candidate.requests }
        guard requests > 0 else { return nil }
        let errors = last.reduce(0) { $0 + $1.candidate.errors }
        return judge.severities.first(for: Double(errors) / Double(requests), slowdown: slowdown)
    }
}
