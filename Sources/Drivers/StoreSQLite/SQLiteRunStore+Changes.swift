package import DeployPorts
import GRDB
import JournalFormat
import Synchronization

extension SQLiteRunStore: ChangeFeed {
    /// Asks the file five times a second whether anybody has written to it; it does not tell what.
    package func changes() -> AsyncStream<Change> {
        let last = Mutex<Int?>(nil)
        return AsyncStream {
            while !Task.isCancelled {
                // A file that cannot be read gives a change too: whoever looks then finds out why.
                let version = (try? await self.dataVersion()) ?? 0
                let isNew = last.withLock { last in
                    defer { last = version }
                    return version != last
                }
                if isNew { return .anything }
                await Pause.wait(milliseconds: 200)
            }
            return nil
        }
    }

    private func dataVersion() async throws(RunStoreError) -> Int {
        // Tells the commits of all connections but the one that asks, which never writes.
        try await read { try Int.fetchOne($0.cachedStatement(sql: "PRAGMA data_version")) ?? 0 }
    }
}
