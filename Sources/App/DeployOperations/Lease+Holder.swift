package import DeployCore
import DeployEngine
package import DeployPorts
import JournalFormat

extension Lease {
    /// As long what is done before a run's first step, or by hand, may take.
    static let workLimit = Span.minutes(2)

    /// Whether its holder still has it: a process that is known to be gone has not, nor one that has not renewed it.
    package func isHeld(at now: Timestamp) -> Bool {
        ProcessIdentity.isAlive(holder) != false && expires >= now
    }
}
