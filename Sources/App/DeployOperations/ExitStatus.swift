package import DeployCore
import DeployEngine
package import DeployPorts

/// The program's exit codes (`docs/reference/exit-codes.md`).
package enum ExitStatus: Int32, Error {
    case done = 0
    case failed = 1
    case rolledBack = 3
    case rollbackFailed = 4
    case waiting = 5
    case usage = 64
    case badInput = 65
    case unavailable = 69
    case held = 75
    case forbidden = 77
    case interrupted = 130
    case terminated = 143

    /// What a run's end means to who ran it.
    package init(of state: RunState) {
        switch state.condition {
        case .succeeded: self = state.failedChecks.isEmpty ? .done : .failed
        case .failed: self = .failed
        case .rolledBack: self = .rolledBack
        case .rollbackFailed: self = .rollbackFailed
        case .running, .waiting, .paused: self = .waiting
        }
    }
}

/// An end of a command that is not a run's end: the code, and a message that says what to do.
package struct CommandFailure: Error {
    package let status: ExitStatus
    package let message: String

    package init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    package init(_ error: RunStoreError) {
        switch error {
        case .unavailable(let text), .full(let text), .unreadable(let text):
            self.init(
                .unavailable,
                "\(text)\nUsers can be put back without it: bgdeploy rollback --emergency"
            )
        case .held(let lease): self.init(.held, Self.held(by: lease))
        case .leaseLost: self.init(.held, "another process has taken this service over")
        }
    }

    package static func held(by lease: Lease) -> String {
        """
        \(lease.service) is held by `\(lease.holder.purpose)` of \(lease.holder.actor) \
        (process \(lease.holder.process) on \(lease.holder.host))
        Watch it with `bgdeploy status --watch`; end it with `bgdeploy abort`; put users back at once with \
        `bgdeploy rollback`.
        """
    }
}
