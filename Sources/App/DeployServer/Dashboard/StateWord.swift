import DeployCore
package import DeployOperations

/// A service or a run in one word, with a sign and a colour of its own.
package enum StateWord: String, Sendable {
    case idle, running, waiting, paused, interrupted, succeeded, failed, rolledBack, rollbackFailed

    /// As `status` says it.
    package init(_ status: ServiceStatus) { self = StateWord(rawValue: status.state) ?? .idle }

    package init(_ run: RecordedRun) { self = StateWord(rawValue: run.state.condition.rawValue) ?? .idle }

    var words: String {
        switch self {
        case .idle: "no run yet"
        case .rolledBack: "rolled back"
        case .rollbackFailed: "rollback failed"
        default: rawValue
        }
    }

    /// Whether nothing goes on in the run any more.
    var isOver: Bool {
        switch self {
        case .succeeded, .failed, .rolledBack, .rollbackFailed: true
        case .idle, .running, .waiting, .paused, .interrupted: false
        }
    }

    private var icon: Icon {
        switch self {
        case .idle: .ring
        case .running: .dot
        case .waiting: .clock
        case .paused: .pause
        case .interrupted, .rollbackFailed: .warning
        case .succeeded: .check
        case .failed: .cross
        case .rolledBack: .back
        }
    }

    /// A class of the page's CSS: what it means, not which it is.
    private var mood: String {
        switch self {
        case .idle: "calm"
        case .running, .waiting: "busy"
        case .paused, .interrupted: "warn"
        case .succeeded: "good"
        case .failed, .rolledBack, .rollbackFailed: "bad"
        }
    }

    var pill: Markup {
        tag("span", .style("pill \(mood)")) {
            icon.markup
            tag("span") { "\(words)" }
        }
    }
}
