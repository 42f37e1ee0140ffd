import DeployCore
import DeployEngine
import DeployPorts

extension RunEnd {
    var state: RunState {
        switch self {
        case .settled(let state), .waiting(let state), .stopped(let state), .lost(let state),
            .journalLost(let state, _, _):
            state
        }
    }

    /// How the process ended, and in what condition the run was then.
    var story: String {
        let condition = state.condition.rawValue
        return switch self {
        case .settled: "settled, \(condition)"
        case .waiting: "waiting, \(condition)"
        case .stopped: "stopped, \(condition)"
        case .lost: "lost, \(condition)"
        case .journalLost: "journal lost, \(condition)"
        }
    }

    /// The balancers that were put back when the journal was lost.
    var restored: [String]? {
        if case .journalLost(_, _, let restored) = self { restored } else { nil }
    }
}
