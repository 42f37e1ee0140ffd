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
    let connectionsGauge: (any Gauge)?
    let token: FencingToken
    /// Whether the run is on its way back.
    let isReturning: Bool
    /// Then it is too late to measure what was before.
    let candidateHadTraffic: Bool
    let clock: any Timekeeper
    let observer: any RunObserver
    let note: @Sendable (Note) -> Void
    /// Called when a balancer answers that somebody else is in charge.
    let fenced: @Sendable () -> Void

    /// How often connections are counted while draining.
    private static let drainTick = Span.seconds(1)

    func perform(_ effect: Effect, _ values: Values) async -> RunEvent.Kind.Outcome {
        switch effect {
        case .step(let step): await perform(step, values)
        case .approval(let step, _, let until): await expire(until, "\(step.title): nobody approved in time")
        case .wait(_, let until): await wait(until)
        case .route(let share): await route(share)
        case .watch(let watch): .judged(await watcher.verdict(of: watch, note: note))
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
        case .step, .approval, .wait, .route, .watch, .drain: await perform(pending.effect, values)
        }
    }

    private func perform(_ step: Step, _ values: Values) async -> RunEvent.Kind.Outcome {
        guard step.kind == .inspectBalancers else { return await steps.perform(step, values) }
        do throws(BalancerFleet.Failure) {
            try await fleet.inspect()
            let split = try await fleet.agreedSplit()
            guard split.live == plan.stable else {
                return .failed(reason: "\(plan.stable) should have all traffic, found \(split)")
            }
            return .succeeded(captures: [:], summary: "\(split)")
        } catch {
            return .failed(reason: error.reason)
        }
    }

    private func route(_ share: Percent) async -> RunEvent.Kind.Outcome {
        if !candidateHadTraffic { await watcher.measureBefore() }
        let split = plan.split(candidate: share)
        do throws(BalancerFleet.Failure) {
            let begin = clock.now()
            try await fleet.route(split, token: token, isReturn: isReturning)
            let took = clock.now().since(begin)
            return .succeeded(captures: [:], summary: "\(split), verified in \(took.milliseconds) ms")
        } catch {
            if error.isFenced { fenced() }
            return .failed(reason: error.reason, traffic: error.traffic)
        }
    }

    private func drain(until end: Timestamp) async -> RunEvent.Kind.Outcome {
        var first: Int?
        var last: Int?
        while true {
            let count: Int
            do throws(Uncounted) {
                count = try await connections()
            } catch {
                return .failed(reason: "connections could not be counted: \(error.reason)")
            }
            if count != last { observer.draining(connections: count) }
            first = first ?? count
            last = count
            if count == 0 { return .succeeded(captures: [:], summary: "no connections to \(plan.stable)") }
            let rest = end.since(clock.now())
            guard rest > .zero else {
                return .failed(
                    reason:
                        "\(plan.stable) still has \(count) connections (\(first ?? count) when draining began)"
                )
            }
            do { try await clock.sleep(for: min(Self.drainTick, rest)) } catch {
                return .failed(reason: "stopped")
            }
        }
    }

    private struct Uncounted: Error {
        let reason: String
    }

    /// The stable environment's, as the application tells them or as the balancers count them.
    private func connections() async throws(Uncounted) -> Int {
        guard let connectionsGauge else {
            do throws(BalancerFleet.Failure) {
                return try await fleet.connections(to: plan.stable)
            } catch {
                throw Uncounted(reason: error.reason)
            }
        }
        do throws(MetricsError) {
            let value = try await connectionsGauge.read()
            guard value >= 0, value < 1e9 else { throw .noEvidence("\(value) is no number of connections") }
            return Int(value.rounded(.up))
        } catch {
            throw Uncounted(reason: "\(connectionsGauge.name): \(error.reason)")
        }
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
