package import DeployCore
package import DeployPorts
package import TrafficJudgement

/// Watches the traffic of one run: reads every source about once a second and lets the judge decide.
package actor TrafficWatcher {
    private let plan: Plan
    private let sources: [any MetricsSource]
    private let gauges: [String: any Gauge]
    private let rules: [MetricRule]
    private let clock: any Timekeeper
    private let observer: any RunObserver
    private var unusable: [String: String] = [:]
    private var isOpen = false
    private var before: [String: Double] = [:]

    private static let tick = Span.seconds(1)
    /// The shortest watch of a run that was resumed.
    private static let shortest = Span.seconds(10)
    /// How often what was measured goes into the journal.
    private static let ticksPerNote = 10

    package init(
        plan: Plan,
        sources: [any MetricsSource],
        gauges: [String: any Gauge],
        rules: [MetricRule],
        clock: any Timekeeper,
        observer: any RunObserver
    ) {
        self.plan = plan
        self.sources = sources
        self.gauges = gauges
        self.rules = rules
        self.clock = clock
        self.observer = observer
    }

    /// Reads what rules compare with "before": call it while the candidate has no traffic.
    package func measureBefore() async {
        for (name, gauge) in gauges {
            if let value = try? await gauge.read() { before[name] = value }
        }
    }

    package func close() async {
        for source in sources where isOpen && unusable[source.name] == nil { await source.close() }
        isOpen = false
    }

    /// Watches until the judge decides or `watch.until`; `note` keeps what was measured.
    ///
    /// With `mayMissSome`, what some balancers tell is enough: the run goes on without the others.
    func verdict(
        of watch: Watch,
        mayMissSome: Bool = false,
        note: @Sendable (Note) -> Void
    ) async -> Verdict {
        await open()
        guard !sources.isEmpty || !gauges.isEmpty else { return await blind(until: watch.until) }
        var judge = TrafficJudge(
            stable: plan.stable.rawValue,
            candidate: plan.candidate.rawValue,
            rules: rules,
            before: before
        )
        var share = MeasuredShare(asked: watch.candidate)
        var told: String?
        var ticks = 0
        var darkTicks = 0
        // A watch that ended while no process drove the run has seen nothing: it is made up for, in short.
        let end = max(
            watch.until,
            clock.now().advanced(by: min(Self.shortest, watch.until.since(watch.since)))
        )
        while clock.now() < end, !Task.isCancelled {
            let begin = clock.now()
            let rest = end.since(begin)
            do { try await clock.sleep(for: min(Self.tick, rest)) } catch { break }
            let (observed, missing) = await observe(clock.now().since(begin).seconds, mayMissSome)
            if case .noEvidence = observed.traffic { darkTicks += 1 }
            ticks += 1
            // The first second may still tell of requests that began under the split before.
            if ticks > 1 { share.add(observed) }
            var judgement = judge.judge(observed)
            if let remark = share.takeRemark(plan.candidate) { judgement.remarks.append(remark) }
            if let missing, missing != told { judgement.remarks.append("measured without \(missing)") }
            told = missing
            report(watch, judge, judgement, share)
            switch judgement.decision {
            case .fine: break
            case .rollBack(let reason):
                note(figures(of: judge, share))
                return .rollBack(reason: reason)
            case .rollBackGradually(let reason):
                note(figures(of: judge, share))
                return .rollBackGradually(reason: reason)
            }
            for remark in judgement.remarks { note(Note(topic: "remark", text: remark)) }
            if ticks % Self.ticksPerNote == 0 { note(figures(of: judge, share)) }
        }
        return conclude(judge, share, ticks: ticks, darkTicks: darkTicks)
    }

    // MARK: sources

    private func open() async {
        guard !isOpen else { return }
        isOpen = true
        for source in sources {
            do throws(MetricsError) {
                try await source.open()
            } catch {
                unusable[source.name] = "\(source.name): \(error.reason)"
            }
        }
    }

    /// What this second brought, and what is missing in it all the same.
    private func observe(_ seconds: Double, _ mayMissSome: Bool) async -> (TrafficTick, missing: String?) {
        var stable = TrafficSample()
        var candidate = TrafficSample()
        var missing = sources.compactMap { unusable[$0.name] }
        for source in sources where unusable[source.name] == nil {
            do throws(MetricsError) {
                let seen = try await source.collect()
                stable += seen[plan.stable] ?? TrafficSample()
                candidate += seen[plan.candidate] ?? TrafficSample()
            } catch {
                missing.append("\(source.name): \(error.reason)")
            }
        }
        let isEnough = missing.isEmpty || (mayMissSome && missing.count < sources.count)
        if sources.isEmpty { missing.append("no balancer of the playbook tells what it sees") }
        let reason = missing.joined(separator: "; ")
        let traffic: TrafficTick.Traffic =
            isEnough && !sources.isEmpty
            ? .measured(stable: stable, candidate: candidate) : .noEvidence(reason)
        let tick = TrafficTick(traffic, gauges: await readings(), seconds: seconds)
        return (tick, isEnough && !missing.isEmpty && !sources.isEmpty ? reason : nil)
    }

    private func readings() async -> [String: TrafficTick.Reading] {
        var readings: [String: TrafficTick.Reading] = [:]
        for (name, gauge) in gauges {
            do throws(MetricsError) {
                readings[name] = .value(try await gauge.read())
            } catch {
                readings[name] = .noEvidence(error.reason)
            }
        }
        return readings
    }

    // MARK: telling

    private func report(
        _ watch: Watch,
        _ judge: TrafficJudge,
        _ judgement: Judgement,
        _ share: MeasuredShare
    ) {
        let figures = judge.figures
        observer.watched(
            TrafficFigures(
                watch: watch,
                stable: figures.stable,
                candidate: figures.candidate,
                remarks: judgement.remarks,
                share: share
            )
        )
    }

    private func figures(of judge: TrafficJudge, _ share: MeasuredShare) -> Note {
        let (stable, candidate) = judge.figures
        var facts = share.facts
        for (side, figures) in [("stable", stable), ("candidate", candidate)] {
            facts["\(side).requests_per_second"] = "\(figures.requestsPerSecond)"
            facts["\(side).error_rate"] = figures.errorRate.map { "\($0)" }
            facts["\(side).latency_p95_ms"] = figures.latencyP95.map { "\($0)" }
        }
        return Note(topic: "traffic", text: judge.summary().text + share.suffix, facts: facts)
    }

    /// Without any source there is nothing to judge; the time passes, and the verdict says what it is
    /// worth.
    private func blind(until end: Timestamp) async -> Verdict {
        try? await clock.sleep(for: end.since(clock.now()))
        return .passed(
            summary: "nothing was measured: no balancer of the playbook tells what it sees"
                + " (give nginx a `log:`), and no metric is read"
        )
    }

    private func conclude(
        _ judge: TrafficJudge,
        _ share: MeasuredShare,
        ticks: Int,
        darkTicks: Int
    ) -> Verdict {
        let summary = judge.summary()
        let text = summary.text + share.suffix
        switch summary.evidence {
        case .sufficient: return .passed(summary: text)
        case .few(let reason), .none(let reason):
            let wasDark = !sources.isEmpty && darkTicks * 2 > ticks
            return wasDark
                ? .inconclusive(reason: "not enough was measured: \(reason)")
                : .passed(summary: "\(text); little evidence: \(reason)")
        }
    }
}

extension MetricsError {
    var reason: String {
        switch self {
        case .noEvidence(let reason), .unusable(let reason): reason
        }
    }
}
