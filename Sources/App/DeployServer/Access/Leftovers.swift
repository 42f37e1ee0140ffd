import DeployCore
package import DeployPorts

/// Sessions and stored answers whose time is over.
package struct Leftovers: Sendable {
    private let records: any RecordStore
    private let clock: any Timekeeper

    package init(_ records: any RecordStore, clock: any Timekeeper) {
        self.records = records
        self.clock = clock
    }

    /// Removes them; for the service to call now and then.
    package func remove() async throws(RunStoreError) {
        for kind in [Sessions.kind, Idempotency.kind] {
            while true {
                let now = clock.now()
                let due = try await records.claim(
                    kind,
                    dueAt: now,
                    until: now.advanced(by: .minutes(1)),
                    limit: 100
                )
                for record in due { _ = try await records.remove(record) }
                if due.count < 100 { break }
            }
        }
    }
}
