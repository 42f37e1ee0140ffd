import DeployCore
import DeployPorts

/// Carries one effect into the world and brings back how it ended.
///
/// Knows nothing of phases.
struct EffectPerformer: Sendable {
    let plan: Plan
    let fleet: BalancerFleet
    let steps: StepRunner
    let watcher: TrafficWatcher
    let keeper: SplitKeeper
    let connectionsGauge: (any Gauge)?
    let token: FencingToken
    /// Whether the run is on its way back.
    let isReturning: Bool
    /// Then it is too late to measure what was before.
    let candidateHadTraffic: Bool
    /// Whether the stable environment gets no new requests any more.
    let stableIsIdle: Bool
    let clock: any Timekeeper
    let observer: any RunObserver
    let note: @Sendable (Note) -> Void
    /// Called when a balancer answers that somebody else is in charge.
    let fenced: @Sendable () -> Void

    func perform(_ effect: Effect, _ values: Values) async -> RunEvent.Kind.Outcome {
        switch effect {
        case .step(let step): await perform(step, values)
        case .approval(let step, _, let until): await expire(until, "\(step.title): nobody approved in time")
        case .wait(_, let until): await wait(until)
        case .window(let step, let opens, let until): await window(step, opens, until)
        case .route(let exposure): await route(exposure)
        case .watch(let watch): .judged(await verdict(of: watch))
        case .drain(let until): await drain(until: until)
        }
    }

    /// The same after another process had begun the effect: what it may have done is looked for first.
    func reconcile(_ pending: PendingEffect, _ values: Values) async -> RunEvent.Kind.Outcome {
        switch pending.effect {
        case .step(let step) where step.kind == .action:
            await steps.reconcile(step, values, isCancelled: pending.isCancelled)
        case .route where pending.isCancelled:
            // The mark was raised: nothing of it can land any more, but what has landed is not known.
            .failed(reason: "taken over while it was under way", traffic: .unknown)
        case .step, .approval, .wait, .window, .route, .watch, .drain:
            await perform(pending.effect, values)
        }
    }

    private func perform(_ step: Step, _ values: Values) async -> RunEvent.Kind.Outcome {
        switch step.kind {
        case .inspectBalancers: await inspect()
        case .retire: await checkRetirement()
        case .action, .approval, .wait, .window: await steps.perform(step, values)
        }
    }

    private func inspect() async -> RunEvent.Kind.Outcome {
        do throws(BalancerFleet.Failure) {
            try await fleet.inspect()
            tellNews()
            let split = try await fleet.agreedSplit()
            guard split.live == plan.stable else {
                return .failed(reason: "\(plan.stable) should have all traffic, found \(split)")
            }
            return .succeeded(captures: [:], summary: "\(split)\(fleet.roll.suffix)")
        } catch {
            return .failed(reason: error.reason)
        }
    }

    private func route(_ exposure: Exposure) async -> RunEvent.Kind.Outcome {
        if !candidateHadTraffic { await watcher.measureBefore() }
        let split = plan.split(candidate: exposure)
        defer { tellNews() }
        do throws(BalancerFleet.Failure) {
            let begin = clock.now()
            try await fleet.route(split, token: token, isReturn: isReturning)
            let took = clock.now().since(begin)
            let summary = "\(split), verified in \(took.milliseconds) ms\(fleet.roll.suffix)"
            return .succeeded(captures: [:], summary: summary)
        } catch {
            guard error.isFenced else { return .failed(reason: error.reason, traffic: error.traffic) }
            guard let recall = await fleet.recall(of: token) else {
                fenced()
                return .failed(reason: error.reason, traffic: error.traffic)
            }
            // On its way back the run knows that already, and tries again and again.
            if !isReturning { note(recall.note) }
            return .failed(reason: "\(recall.text)\n\(error.reason)", traffic: error.traffic)
        }
    }

    /// The judge's verdict, while the split is held; a split that cannot be held is for a person to look
    /// at.
    private func verdict(of watch: Watch) async -> Verdict {
        let split = plan.split(candidate: watch.candidate)
        let mayMissSome = fleet.whenUnreachable == .proceed
        return await withTaskGroup(of: Watched.self) { group in
            group.addTask { .judged(await watcher.verdict(of: watch, mayMissSome: mayMissSome, note: note)) }
            group.addTask { .held(await keeper.hold(split, during: watch)) }
            group.addTask {
                await watcher.sendProbes()
                return .held(.over)
            }
            var verdict: Verdict?
            var trouble: String?
            var recall: String?
            while let next = await group.next() {
                switch next {
                case .judged(let judged):
                    verdict = judged
                    await keeper.rest(from: watch)
                case .held(.over): continue
                case .held(.troubled(let reason)): trouble = reason
                case .held(.fenced):
                    fenced()
                    trouble = "another process has taken the run over"
                case .held(.recalled(let reason)): recall = reason
                }
                group.cancelAll()
            }
            if let recall { return .rollBack(reason: recall) }
            guard case .passed(let summary) = verdict else {
                return verdict ?? .inconclusive(reason: "stopped")
            }
            if watch.purpose == .hold || watch.purpose == .monitor, trouble == nil {
                trouble = await keeper.silence
            }
            return trouble.map { .inconclusive(reason: $0) } ?? .passed(summary: summary + fleet.roll.suffix)
        }
    }

    private enum Watched: Sendable {
        case judged(Verdict)
        case held(SplitKeeper.Ending)
    }

    private func tellNews() {
        for news in fleet.roll.takeNews() { note(news) }
    }

    private func wait(_ end: Timestamp) async -> RunEvent.Kind.Outcome {
        try? await clock.sleep(for: end.since(clock.now()))
        return .succeeded(captures: [:], summary: nil)
    }

    private func expire(_ end: Timestamp, _ reason: String) async -> RunEvent.Kind.Outcome {
        try? await clock.sleep(for: end.since(clock.now()))
        return .failed(reason: reason)
    }
}
