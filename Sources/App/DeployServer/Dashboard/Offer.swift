package import DeployCore
import DeployOperations

/// A command that a person may give a run now.
package enum Offer: Hashable, Sendable {
    case approve
    /// To the next share, or the end of a watch or a wait.
    case promote
    case promoteFully
    case pause, proceed
    /// Ends a run that has moved no traffic yet.
    case abort
    case rollback

    /// What the reducer would take from `principal` and what would change something, the gentlest first.
    ///
    /// Before any traffic has moved a run is aborted, from then on it is rolled back: one way out at a time,
    /// with the same outcome whichever of the two is sent.
    package static func all(in state: RunState, to principal: Principal, at now: Timestamp) -> [Offer] {
        let candidates: [Offer] = [
            .approve, .promote, .promoteFully, .proceed, .pause, state.hasMovedTraffic ? .rollback : .abort,
        ]
        return candidates.filter { offer in
            guard principal.may(offer.scope, on: state.plan.service) else { return false }
            let event = RunEvent(
                at: now,
                .commanded(command: offer.command, by: principal.actor, reason: nil)
            )
            let after = Reducer.step(state, event)
            guard after.refusal == nil, after.state != state else { return false }
            return offer != .promoteFully || state.hasSharesBetween
        }
    }

    var scope: Scope { self == .approve ? .approve : .deploy }

    var command: Command {
        switch self {
        case .approve: .approve
        case .promote: .promote(full: false)
        case .promoteFully: .promote(full: true)
        case .pause: .pause
        case .proceed: .proceed
        case .abort: .abort
        case .rollback: .rollback(gradual: false)
        }
    }
}

extension RunState {
    /// What the candidate has after the hold that is under way; `nil` outside of one.
    var nextExposure: Exposure? {
        guard case .forward(let index, .shifting(let step, .some)) = stage,
            case .shift(let phase) = plan.phases[index], step + 1 < phase.exposures.count
        else { return nil }
        return phase.exposures[step + 1]
    }

    /// Whether `promote` to the end is another thing than `promote`.
    fileprivate var hasSharesBetween: Bool {
        nextExposure.map { $0.share < plan.lastExposure.share } ?? false
    }
}

extension Plan {
    /// What the candidate has at the end of the switch.
    var lastExposure: Exposure {
        for case .shift(let phase) in phases { return phase.exposures.last ?? .full }
        return .full
    }

    /// The version of an environment as far as this plan knows it.
    func version(of name: EnvironmentName) -> Version? { name == candidate ? version : previousVersion }
}
