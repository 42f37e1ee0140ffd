package import DeployCore
package import DeployPorts
package import TrafficJudgement

/// Watches the traffic of one run: reads every source about once a second and lets the judge decide.
package actor TrafficWatcher {
    let plan: Plan
    let sources: [any MetricsSource]
    private let gauges: [String: any Gauge]
    private let probes: (any SyntheticTraffic)?
    private let settings: JudgeSettings
    let clock: any Timekeeper
    let observer: any RunObserver
    private var unusable: [String: String] = [:]
    private var isOpen = false
    /// When each gauge gives something new again.
    private var nextReading: [String: Timestamp] = [:]
    private var before: [String: Double] = [:]
    /// Of the run's way forward: its evidence carries over from watch to watch.
    private var judge: CanaryJudge
    /// Of the way back, in each watch anew.
    private var returnJudge: CanaryJudge
    private let freshJudge: CanaryJudge
    /// When the run's first watch began.
    private(set) var began: Timestamp?

    private static let tick = Span.seconds(1)
    /// The shortest watch of a run that was resumed.
    private static let shortest = Span.seconds(10)
    /// How often what was measured goes into the journal.
    private static let ticksPerNote = 10

    /// `earlier` are the notes that the run's journal has: what was measured before a process died counts.
    package init(
        plan: Plan,
        sources: [any MetricsSource],
        gauges: [String: any Gauge],
        probes: (any SyntheticTraffic)? = nil,
        rules: [MetricRule],
        settings: JudgeSettings = JudgeSettings(),
        earlier: [Note] = [],
        clock: any Timekeeper,
        observer: any RunObserver
    ) {
        self.plan = plan
        self.sources = sources
        self.gauges = gauges
        self.probes = probes
        self.settings = settings
        self.clock = clock
        self.observer = observer
        freshJudge = CanaryJudge(
            stable: plan.stable.rawValue,
            candidate: plan.candidate.rawValue,
            rules: rules,
            settings: settings
        )
        judge = freshJudge
        returnJudge = freshJudge
        let watched = earlier.filter { $0.facts[Fact.began] != nil && $0.facts[Fact.isReturn] == nil }
        began = watched.first?.facts[Fact.began].flatMap { Int64($0) }.map(Timestamp.init(milliseconds:))
        judge.restore(watched.compactMap { $0.facts[Fact.ticks] })
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
    /// With `mayMissSome`, what some balancers tell is enough: the run goes on without the others. A watch
    /// that ends while the evidence forbids to go on lasts up to twice as long, and is then inconclusive.
    func verdict(
        of watch: Watch,
        mayMissSome: Bool = false,
        note: @Sendable (Note) -> Void
    ) async -> Verdict {
        await open()
        guard !sources.isEmpty || !gauges.isEmpty else { return await blind(until: watch.until) }
        begin(watch)
        var course = Course(watch, at: clock.now(), shortest: Self.shortest)
        while course.lasts(at: clock.now()), !Task.isCancelled {
            let begin = clock.now()
            let rest = course.end.since(begin)
            do { try await clock.sleep(for: min(Self.tick, rest)) } catch { break }
            let (observed, missing) = await observe(clock.now().since(begin).seconds, mayMissSome)
            var judgement = take(observed, of: watch)
            course.count(observed, missing, &judgement, plan.candidate)
            report(watch, judgement, course.share)
            if let verdict = verdict(of: watch, judgement.decision) {
                note(figures(of: watch, course.share))
                if case .rollBack = verdict { note(impact(of: watch)) }
                if case .rollBackGradually = verdict { note(impact(of: watch)) }
                return verdict
            }
            for remark in judgement.remarks { note(Note(topic: "remark", text: remark)) }
            if course.ticks % Self.ticksPerNote == 0 { note(figures(of: watch, course.share)) }
            course.heed(obstacle(to: watch, judgement.decision))
        }
        if withJudge(of: watch, { $0.hasNews }) { note(figures(of: watch, course.share)) }
        return conclude(watch, course)
    }

    /// Sends the playbook's own requests until the task is cancelled.
    func sendProbes() async {
        guard let probes else { return }
        while !Task.isCancelled {
            let begin = clock.now()
            await probes.send()
            let rest = begin.advanced(by: probes.every).since(clock.now())
            do { try await clock.sleep(for: rest) } catch { return }
        }
    }

    // MARK: judging

    private func begin(_ watch: Watch) {
        if began == nil { began = watch.since }
        let place = plan.place(of: watch, endsEarly: settings.endsEarly)
        if watch.purpose == .rollback { returnJudge = freshJudge }
        withJudge(of: watch) { $0.begin(at: place, before: before) }
    }

    func withJudge<Result>(of watch: Watch, _ work: (inout CanaryJudge) -> Result) -> Result {
        watch.purpose == .rollback ? work(&returnJudge) : work(&judge)
    }

    private func take(_ tick: TrafficTick, of watch: Watch) -> Judgement {
        let seconds = clock.now().since(began ?? watch.since).seconds
        return withJudge(of: watch) { $0.judge(tick, at: max(0, seconds)) }
    }

    /// What ends the watch before its time; `nil` when nothing does.
    private func verdict(of watch: Watch, _ decision: Judgement.Decision) -> Verdict? {
        switch decision {
        case .rollBack(let reason): .rollBack(reason: reason)
        case .rollBackGradually(let reason): .rollBackGradually(reason: reason)
        case .endEarly(let reason) where watch.purpose == .hold: .passed(summary: reason)
        case .fine, .hold, .endEarly: nil
        }
    }

    /// Why the run may not go on now.
    private func obstacle(to watch: Watch, _ decision: Judgement.Decision) -> String? {
        switch (watch.purpose, decision) {
        case (.hold, .hold(let reason)), (.monitor, .hold(let reason)): return reason
        case (.hold, _) where settings.requiresEvidence && !withJudge(of: watch, { $0.isCertified }):
            return "there is not enough evidence that \(plan.candidate) is good"
        default: return nil
        }
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
        var shortfalls: [String] = []
        for source in sources where unusable[source.name] == nil {
            do throws(MetricsError) {
                let seen = try await source.collect()
                stable += seen[plan.stable] ?? TrafficSample()
                candidate += seen[plan.candidate] ?? TrafficSample()
                if let lost = await source.shortfall() { shortfalls.append("\(source.name): \(lost)") }
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
        let told =
            (isEnough && !missing.isEmpty && !sources.isEmpty ? ["without \(reason)"] : []) + shortfalls
        return (tick, told.isEmpty ? nil : told.joined(separator: "; "))
    }

    private func readings() async -> [String: TrafficTick.Reading] {
        var readings: [String: TrafficTick.Reading] = [:]
        let now = clock.now()
        for (name, gauge) in gauges where nextReading[name].map({ $0 <= now }) ?? true {
            // A reading that stands for ten seconds is one piece of evidence, not ten.
            nextReading[name] = now.advanced(by: gauge.every)
            do throws(MetricsError) {
                readings[name] = .value(try await gauge.read())
            } catch {
                readings[name] = .noEvidence(error.reason)
            }
        }
        return readings
    }
}
