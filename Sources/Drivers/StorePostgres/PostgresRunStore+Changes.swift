import DeployCore
package import DeployPorts
import JournalFormat
import PostgresClient

extension PostgresRunStore: ChangeFeed {
    /// Listens over a connection of its own, and tells each change once though it comes several times in a
    /// row.
    ///
    /// A pooler (PgBouncer) need not pass on what is told: behind one ``Change/anything`` comes every few
    /// seconds too.
    package func changes() -> AsyncStream<Change> {
        let listener = Listener(address)
        return AsyncStream { await listener.next() }
    }
}

private actor Listener {
    /// A connection that has ended without a word is noticed by asking this often.
    private static let asking = Duration.seconds(5)

    private let address: PostgresAddress
    private var session: PostgresSession?
    private var heard: [Change] = []

    init(_ address: PostgresAddress) { self.address = address }

    deinit { session?.close() }

    /// `nil` when the task is cancelled.
    func next() async -> Change? {
        while !Task.isCancelled {
            if !heard.isEmpty { return heard.removeFirst() }
            do throws(PostgresError) {
                guard let session else {
                    try await listen()
                    // What was told while nobody listened is not told again.
                    return .anything
                }
                heard = Self.changes(try await session.notifications(within: Self.asking))
                guard heard.isEmpty else { continue }
                _ = try await session.query("SELECT 1", within: PostgresRunStore.deadline)
                if session.isPooled { return .anything }
            } catch {
                session?.close()
                session = nil
                await Pause.wait(milliseconds: 500)
            }
        }
        return nil
    }

    private func listen() async throws(PostgresError) {
        let opened = try await PostgresSession.open(
            address,
            named: "bgdeploy listening",
            within: PostgresRunStore.deadline
        )
        try await opened.run(
            "LISTEN \(PostgresSchema.channel)",
            commits: true,
            within: PostgresRunStore.deadline
        )
        session = opened
    }

    private static func changes(_ payloads: [String]) -> [Change] {
        var changes: [Change] = []
        for payload in payloads {
            let change: Change =
                if payload.hasPrefix("run:") {
                    .run(RunID(rawValue: String(payload.dropFirst(4))))
                } else if payload.hasPrefix("record:") {
                    .record(Record.Kind(rawValue: String(payload.dropFirst(7))))
                } else {
                    .anything
                }
            if !changes.contains(change) { changes.append(change) }
        }
        return changes
    }
}
