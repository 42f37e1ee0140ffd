package import DeployCore
package import DeployPorts

/// Notices that have to be told, kept beside the journal until they were.
///
/// At least once: who takes a notice out and dies before it is removed, or loses the answer, has it told
/// again, under the same identity. What a run tells follows from its journal alone, so that any process can
/// put in what a dead one did not.
package struct Outbox: Sendable {
    let records: any RecordStore
    let runs: any RunStore
    let clock: any Timekeeper
    /// The channels and secrets of a run.
    ///
    /// Where this process cannot have them, another one may.
    let book: @Sendable (RunID) async throws(BookUnavailable) -> NoticeBook
    /// From 0 to 1: spreads the attempts of many.
    let jitter: @Sendable () -> Double

    package init(
        records: any RecordStore,
        runs: any RunStore,
        clock: any Timekeeper,
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) },
        book: @escaping @Sendable (RunID) async throws(BookUnavailable) -> NoticeBook
    ) {
        self.records = records
        self.runs = runs
        self.clock = clock
        self.jitter = jitter
        self.book = book
    }

    // MARK: in

    /// Puts in what the journal of `run` tells and is not in yet; does nothing the second time.
    package func enqueue(_ run: RunID, _ book: NoticeBook) async throws(RunStoreError) {
        try await enqueue(try await runs.entries(of: run, after: 0), of: run, book)
    }

    /// The same, of entries that are at hand: those of the whole run, from the first on.
    package func enqueue(
        _ entries: [JournalEntry],
        of run: RunID,
        _ book: NoticeBook
    ) async throws(RunStoreError) {
        var routing = NoticeRouting(run: run, book: book)
        try await enqueue(entries, of: run, &routing)
    }

    /// `routing` has seen the run's earlier entries.
    func enqueue(
        _ entries: [JournalEntry],
        of run: RunID,
        _ routing: inout NoticeRouting
    ) async throws(RunStoreError) {
        guard let last = entries.last?.sequence else { return }
        let mark = try await records.record(.noticed, run.rawValue)
        let known = mark.flatMap { Int($0.value) } ?? 0
        var isNew = false
        for entry in entries {
            let wanted = routing.records(of: entry)
            guard entry.sequence > known else { continue }
            for record in wanted {
                isNew = true
                _ = try await records.insert(
                    record.text,
                    as: .notification,
                    key: record.key,
                    due: record.due
                )
            }
        }
        // Entries without notices are cheap to look at again.
        guard isNew else { return }
        try await raise(mark, of: run, to: last)
    }

    /// Where another process raises it at the same moment its word stands: what is put in twice has one key.
    private func raise(_ mark: Record?, of run: RunID, to sequence: Int) async throws(RunStoreError) {
        if let mark {
            _ = try await records.replace(mark, with: "\(sequence)", due: nil)
        } else {
            _ = try await records.insert("\(sequence)", as: .noticed, key: run.rawValue, due: nil)
        }
    }

    /// Says that `actor` takes care of what `run` has told so far: nobody else is told of that.
    package func acknowledge(_ run: RunID, by actor: Actor) async throws(RunStoreError) {
        let text = "\(clock.now().milliseconds) \(actor)"
        if let earlier = try await records.record(.acknowledged, run.rawValue) {
            _ = try await records.replace(earlier, with: text, due: nil)
        } else {
            _ = try await records.insert(text, as: .acknowledged, key: run.rawValue, due: nil)
        }
    }

    /// When somebody last said that he takes care of `run`.
    package func acknowledged(_ run: RunID) async throws(RunStoreError) -> Timestamp? {
        let text = try await records.record(.acknowledged, run.rawValue)?.value
        return text?.split(separator: " ").first.flatMap { Int64($0) }.map(Timestamp.init(milliseconds:))
    }

    // MARK: what is there

    /// What is still to be told of `run`, or of all; escalations only once they were tried.
    package func waiting(of run: RunID? = nil) async throws(RunStoreError) -> [OutboxRecord] {
        let now = clock.now()
        return try await all(.notification, of: run).filter { $0.blocksLater(at: now) }
    }

    /// What is still to be told, and what will be told to others unless somebody acts.
    package func pending() async throws(RunStoreError) -> [OutboxRecord] {
        try await all(.notification, of: nil)
    }

    /// What was given up, and why.
    package func undelivered(of run: RunID? = nil) async throws(RunStoreError) -> [OutboxRecord] {
        try await all(.undelivered, of: run)
    }

    private func all(_ kind: Record.Kind, of run: RunID?) async throws(RunStoreError) -> [OutboxRecord] {
        var found: [OutboxRecord] = []
        var key = run.map { "\($0)/" } ?? ""
        while true {
            let page = try await records.records(kind, after: key, limit: 200)
            let ours = page.filter { record in run.map { record.key.hasPrefix("\($0)/") } ?? true }
            found += ours.compactMap(OutboxRecord.init)
            guard let last = page.last, page.count == 200, ours.count == page.count else { return found }
            key = last.key
        }
    }
}

/// Why it is not known now whom a run tells.
package struct BookUnavailable: Error, Hashable, Sendable {
    /// Without secrets.
    package let reason: String

    package init(_ reason: String) { self.reason = reason }
}
