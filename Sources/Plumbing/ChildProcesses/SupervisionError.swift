/// Why a supervised step could not be started or followed.
package enum SupervisionError: Error, Hashable, Sendable {
    /// Nothing of it has run.
    case cannotStart(String)
    /// The folder is missing, somebody else's, or open to others. Nothing was started.
    case unusableFolder(String)
    /// Nobody has begun it.
    case notStarted
    /// Its supervisor is gone without a record: whether and how the command ended is not known, and it may
    /// still be running.
    case lost
    /// Not followed any longer, as asked: it runs on, and another process may attach to it.
    case leftRunning

    package var message: String {
        switch self {
        case .cannotStart(let text), .unusableFolder(let text): text
        case .notStarted: "the command was not started"
        case .leftRunning: "the command was left running"
        case .lost:
            "the command's supervisor was killed: it is not known how the command ended, and it may still run"
        }
    }
}
