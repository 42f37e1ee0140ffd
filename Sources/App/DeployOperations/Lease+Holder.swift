package import DeployCore
package import DeployPorts
import JournalFormat

extension Lease {
    /// Whether its holder still has it: a process that is known to be gone has not, nor one that has not renewed it.
    package func isHeld(at now: Timestamp) -> Bool {
        ProcessIdentity.isAlive(holder) != false && expires >= now
    }
}
