package import DeployCore

/// What a plan says is to be done: one line below a phase.
package struct Planned: Equatable, Sendable {
    package enum Key: Equatable, Sendable {
        case step(StepID)
        case share(Exposure)
        case drain, monitor
    }

    /// How far it has got.
    package enum Mark: String, Sendable {
        case toCome, current, done, failed
        /// It was not needed, or it was stopped on the way.
        case skipped
    }

    package let key: Key
    package let title: String

    package init(_ key: Key, _ title: String) {
        self.key = key
        self.title = title
    }

    package init(_ step: Step) { self.init(.step(step.id), step.title) }

    package var step: StepID? {
        if case .step(let id) = key { id } else { nil }
    }

    package func isDone(by effect: Effect) -> Bool {
        switch effect {
        case .step(let step), .approval(let step, _, _), .window(let step, _, _): key == .step(step.id)
        case .wait(let step, _): key == .step(step)
        case .route(let exposure): key == .share(exposure)
        case .watch(let watch): key == (watch.purpose == .monitor ? .monitor : .share(watch.candidate))
        case .drain: key == .drain
        }
    }

    package static func items(of phase: Phase, _ plan: Plan) -> [Planned] {
        switch phase {
        case .steps(let phase): phase.groups.joined().map { Planned($0) }
        case .drain(let phase):
            (phase.request.map { [Planned($0)] } ?? [])
                + [Planned(.drain, "\(plan.stable) finishes what it has begun")]
        case .shift(let phase): phase.exposures.map { Planned(.share($0), "\(plan.candidate) \($0)") }
        case .monitor:
            if let holdback = plan.holdback {
                [
                    Planned(.monitor, "\(plan.candidate) is watched beside \(holdback) % of \(plan.stable)"),
                    Planned(.share(.full), "\(plan.candidate) 100 %"),
                ]
            } else {
                [Planned(.monitor, "\(plan.candidate) is watched with all traffic")]
            }
        }
    }

    /// The way back: the shares that were taken by `effects`, then the playbook's steps.
    package static func wayBack(_ effects: [Effect], _ plan: Plan) -> [Planned] {
        var shares: [Exposure] = []
        for case .route(let exposure) in effects where !shares.contains(exposure) { shares.append(exposure) }
        return shares.map { share in
            Planned(
                .share(share),
                share.isNone ? "all traffic to \(plan.stable)" : "\(plan.candidate) \(share)"
            )
        } + plan.rollback.steps.map { Planned($0) }
    }
}

extension Phase {
    /// What is to be expected, in a few words.
    package var outlook: String {
        switch self {
        case .steps(let phase):
            let count = phase.groups.joined().count
            return count == 1 ? "1 step" : "\(count) steps"
        case .drain(let phase): return "up to \(phase.grace)"
        case .shift(let phase): return phase.exposures.map(\.description).joined(separator: " → ")
        case .monitor(let phase): return "\(phase.length)"
        }
    }
}
