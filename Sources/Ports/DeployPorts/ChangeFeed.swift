public import DeployCore

/// Tells those who wait that something in a store may have changed, so that they look again.
public protocol ChangeFeed: Sendable {
    /// Changes of this and of other processes, as they happen.
    ///
    /// The first element is ``Change/anything`` and comes when no later change can be missed. It never fails:
    /// while the store is away nothing comes, and when it is back ``Change/anything`` does. Ends when the
    /// task that reads is cancelled. A stream may have a connection of its own: a process takes one and hands
    /// it round.
    func changes() -> AsyncStream<Change>
}

public enum Change: Hashable, Sendable {
    /// Something, perhaps everything.
    case anything
    /// The run has another entry, or its box another command or answer.
    case run(RunID)
    /// A document of this kind is new or was replaced.
    case record(Record.Kind)
}
