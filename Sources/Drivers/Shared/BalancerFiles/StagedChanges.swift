package import DeployPorts
import SafeFile
import Synchronization

/// The changes that were staged at one balancer and not yet ended.
package final class StagedChanges<Change: Sendable>: Sendable {
    private let changes = Mutex<[StagedSplit: Change]>([:])

    package init() {}

    /// Keeps `change` until it is taken out under the key that this returns.
    package func keep(_ change: Change, as key: StagedSplit) -> StagedSplit {
        changes.withLock { $0[key] = change }
        return key
    }

    /// The change that is to be committed, which is staged no more; needs the keeper's lock.
    ///
    /// Fails with `.fenced` when somebody with a higher token has been here meanwhile.
    package func take(_ key: StagedSplit, _ keeper: MarkKeeper) throws(LoadBalancerError) -> Change {
        guard let change = changes.withLock({ $0.removeValue(forKey: key) }) else {
            throw .misconfigured("\(key.split) was not staged at \(key.balancer), or was ended before")
        }
        _ = try keeper.mark(admitting: key.token)
        return change
    }

    /// Ends the change without a commit: `end` makes undone what it left, under the keeper's lock and only while
    /// nobody with a higher token has been here.
    package func discard(
        _ key: StagedSplit,
        at keeper: (Change) -> MarkKeeper,
        _ end: (Change) async -> Void
    ) async {
        guard let change = changes.withLock({ $0.removeValue(forKey: key) }) else { return }
        let keeper = keeper(change)
        guard let lock = try? await keeper.lock(within: MarkKeeper.patience) else { return }
        defer { lock.release() }
        guard (try? keeper.mark(admitting: key.token)) != nil else { return }
        await end(change)
    }
}
