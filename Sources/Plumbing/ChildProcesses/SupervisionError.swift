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

    package var message: String {
        switch self {
        case .cannotStart(let text), .unusableFolder(let text): text
        case .notStarted: "the command was not started"
        case .lost:
            "the command's supervisor was killed: it is not known how the command ended, and it may still run"
        }
    }
}
