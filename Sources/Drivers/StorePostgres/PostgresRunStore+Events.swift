package import DeployCore
package import DeployPorts
import JournalFormat
import SafeFile
import Synchronization

/// An entry before it has its place in the journal: texts, not values.
private struct Draft: Hashable {
    let run: RunID
    let event: RunEvent
    let effects: [PendingEffect]
    let fence: Int
}

extension PostgresRunStore {
    enum Memory: Hashable {
        /// It got this number, which need not be the last one any more.
        case written(sequence: Int)
        /// It was sent with this number, and nobody knows whether it was written.
        case doubt(Doubt)

        var isDoubt: Bool {
            if case .doubt = self { true } else { false }
        }
    }

    struct Doubt: Hashable {
        fileprivate let draft: Draft
        let sequence: Int
    }

    /// - Precondition: `event` is `.started`.
    package func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry {
        guard case .started(let plan) = event.kind else {
            preconditionFailure("a run opens with the event that it started")
        }
        guard plan.service == lease.service else { throw .leaseLost }
        let draft = Draft(run: run, event: event, effects: effects, fence: lease.fence)
        let values =
            [plan.service, "\(lease.fence)", run.rawValue, "\(event.at.milliseconds)"]
            + [try json(event), try json(effects), Digest.sha256(Array(playbook.utf8)), playbook]
            + [plan.version.rawValue]
        if let entry = try await write(draft, 1, Self.opening, values) { return entry }
        guard try await standing(of: run, under: lease) == nil else {
            throw .unreadable("run \(run) is in the journal already: take another identity")
        }
        throw endMissing
    }

    /// Sent with the number that the entry is to have, so that it is written once at most, whatever arrives
    /// late.
    ///
    /// One of which nobody knew what became is found again when it is appended again.
    package func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry {
        let draft = Draft(run: run, event: event, effects: effects, fence: lease.fence)
        let content = [try json(event), try json(effects)]
        var memory = memories.withLock { $0[run] }
        for _ in 1...100 {
            var last = 0
            if case .written(let sequence) = memory {
                last = sequence
            } else {
                guard let found = try await standing(of: run, under: lease) else {
                    throw unknown(run.rawValue)
                }
                last = found
            }
            if case .doubt(let doubt) = memory, doubt.draft == draft, doubt.sequence <= last,
                let entry = try await written(draft, at: doubt.sequence)
            {
                try await writer.confirm()
                remember(.written(sequence: doubt.sequence), of: run)
                return entry
            }
            let values =
                [lease.service, "\(lease.fence)", run.rawValue, "\(event.at.milliseconds)"] + content
                + ["\(last)", "\(command ?? 0)"]
            if let entry = try await write(draft, last + 1, Self.appending, values) { return entry }
            // Somebody else wrote to the run, or the end of the journal is missing.
            if memory == nil {
                guard try await standing(of: run, under: lease) != last else { throw endMissing }
            }
            memory = nil
        }
        throw .unavailable("run \(run) is written to by too many at once; nothing was written: try again")
    }

    package func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry] {
        var entries: [JournalEntry] = []
        while true {
            let last = sequence + entries.count
            let rows = try await reader.repeated(
                """
                \(Self.lines) WHERE e.run = $1 AND e.sequence > $2::bigint
                ORDER BY e.sequence LIMIT \(Self.pageSize)
                """,
                [run.rawValue, "\(last)"]
            )
            for (row, number) in zip(rows, (last + 1)...) {
                let link = try ChainLink(row: row)
                // A damaged entry must not steer a run.
                guard link.line.digest == link.hash, link.line.sequence == number else {
                    throw .unreadable(
                        """
                        run \(run), entry \(link.line.sequence), is damaged or follows a missing one; \
                        `bgdeploy audit verify` says more
                        """
                    )
                }
                entries.append(try link.line.entry(hash: link.hash))
            }
            guard rows.count == Self.pageSize else { return entries }
        }
    }

    // MARK: writing

    /// More runs than one process writes to at a time.
    package static let memoryLimit = 100

    /// A memory that is gone costs one question more; one in doubt is needed.
    private func remember(_ memory: Memory, of run: RunID) {
        memories.withLock { memories in
            memories[run] = memory
            guard memories.count > Self.memoryLimit else { return }
            memories = memories.filter { $0.key == run || $0.value.isDoubt }
        }
    }

    /// `nil` when the statement found that it may not write.
    private func write(
        _ draft: Draft,
        _ sequence: Int,
        _ statement: String,
        _ values: [String]
    ) async throws(RunStoreError) -> JournalEntry? {
        do throws(PostgresConnection.Failure) {
            let entry = try await writer.resolved(
                statement,
                values,
                done: { rows throws(RunStoreError) in
                    try rows.first.map { row throws(RunStoreError) in
                        draft.entry(sequence, hash: try row.text("hash"))
                    }
                },
                found: { () throws(RunStoreError) in try await self.written(draft, at: sequence) }
            )
            if entry != nil { remember(.written(sequence: sequence), of: draft.run) }
            return entry
        } catch {
            if case .unknown = error {
                remember(.doubt(Doubt(draft: draft, sequence: sequence)), of: draft.run)
            }
            throw problem.translated(error)
        }
    }

    /// The entry at `sequence`, if it is `draft`.
    private func written(_ draft: Draft, at sequence: Int) async throws(RunStoreError) -> JournalEntry? {
        let rows = try await writer.repeated(
            "\(Self.lines) WHERE e.run = $1 AND e.sequence = $2::bigint",
            [draft.run.rawValue, "\(sequence)"]
        )
        guard let row = rows.first else { return nil }
        let link = try ChainLink(row: row)
        let content = [try json(draft.event), try json(draft.effects)].map { Array($0.utf8) }
        let isSame =
            link.line.fence == draft.fence && link.line.digest == link.hash
            && [link.line.event, link.line.effects] == content
        return isSame ? draft.entry(sequence, hash: link.hash) : nil
    }

    /// How many entries the run has, `nil` when it is not there; throws unless `lease` may write to it.
    private func standing(of run: RunID, under lease: Lease) async throws(RunStoreError) -> Int? {
        let rows = try await writer.repeated(
            """
            SELECT c.format, r.service, r.last, EXISTS (
                SELECT FROM bgdeploy.leases
                WHERE service = $1 AND fence = $2::bigint AND holder IS NOT NULL
            ) AS held
            FROM bgdeploy.chain c LEFT JOIN bgdeploy.runs r ON r.id = $3
            """,
            [lease.service, "\(lease.fence)", run.rawValue]
        )
        guard let row = rows.first else { throw endMissing }
        try PostgresSchema.check(row.number("format"), at: place)
        guard row.isTrue("held") else { throw .leaseLost }
        guard let service = row.optionalText("service") else { return nil }
        guard service == lease.service else { throw .leaseLost }
        return try row.number("last")
    }

    private var endMissing: RunStoreError {
        .unreadable(
            "the journal's last entries are missing or changed; `bgdeploy audit verify` says more"
        )
    }

    func unknown(_ run: String) -> RunStoreError {
        .unreadable("run \(run) is not in this journal: look at `bgdeploy history`")
    }

    var problem: PostgresProblem { PostgresProblem(address: address) }

    func json(_ value: some Encodable) throws(RunStoreError) -> String {
        do { return try JournalCoding.text(value) } catch {
            throw .unavailable("a value of the journal cannot be written as JSON: \(error)")
        }
    }
}

extension Draft {
    func entry(_ sequence: Int, hash: String) -> JournalEntry {
        JournalEntry(
            run: run,
            sequence: sequence,
            event: event,
            effects: effects,
            fence: fence,
            hash: hash
        )
    }
}
