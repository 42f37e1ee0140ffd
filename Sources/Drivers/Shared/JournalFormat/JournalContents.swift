package import DeployCore
package import DeployPorts

/// All that a journal holds, row by row: what is copied to another store.
///
/// The whole of it is in memory: about as much as the journal's file.
package struct JournalContents: Sendable {
    package struct Document: Codable, Sendable {
        package let digest: String
        package let text: String

        package init(digest: String, text: String) {
            self.digest = digest
            self.text = text
        }
    }

    /// The highest fencing number that a service's lease ever had.
    package struct Fence: Codable, Sendable {
        package let service: String
        package let fence: Int

        package init(service: String, fence: Int) {
            self.service = service
            self.fence = fence
        }
    }

    /// A command that nobody has answered.
    package struct Waiting: Codable, Sendable {
        package let id: Int
        package let run: String
        package let posted: String

        package init(id: Int, run: String, posted: String) {
            self.id = id
            self.run = run
            self.posted = posted
        }
    }

    package var documents: [Document]
    package var links: [ChainLink]
    package var fences: [Fence]
    package var commands: [Waiting]
    package var records: [Record]

    package init(
        documents: [Document],
        links: [ChainLink],
        fences: [Fence],
        commands: [Waiting],
        records: [Record]
    ) {
        self.documents = documents
        self.links = links
        self.fences = fences
        self.commands = commands
        self.records = records
    }
}

/// A store that can be read and filled as a whole.
package protocol JournalArchive: RunStore, RecordStore {
    /// Where it is, without a password.
    var place: String { get }

    /// One consistent view of everything.
    ///
    /// `.held` while a holder whose process is not known to be dead has a lease whose time is not over at
    /// `now`.
    func contents(at now: Timestamp) async throws(RunStoreError) -> JournalContents

    /// Writes all of it in one transaction; `.unavailable`, and nothing is written, unless the journal is
    /// empty.
    func fill(with contents: JournalContents) async throws(RunStoreError)
}

/// Copies everything that `source` holds into the empty `target`: entries with the same hashes, playbooks,
/// the fencing numbers of leases, commands that wait, documents.
///
/// Both chains are verified. Refuses with `.held` while somebody holds a lease in `source`, and with
/// `.unreadable` when its chain is broken. On any error but the last one `target` stays empty; `.unreadable`
/// that names it tells that it came out other than it went in: drop it. Nothing keeps others from writing to
/// `source` afterwards.
package func copyJournal(
    from source: some JournalArchive,
    to target: some JournalArchive,
    at now: Timestamp
) async throws(RunStoreError) -> ChainReport {
    let before = try await source.verify()
    if let breach = before.breach {
        throw .unreadable("the journal \(source.place) is not whole, nothing was copied: \(breach)")
    }
    let contents = try await source.contents(at: now)
    var chain = ChainCheck()
    for link in contents.links where chain.breach == nil { chain.take(link) }
    guard chain.report == before else {
        throw .unavailable(
            "the journal \(source.place) changed while it was read; nothing was copied: try again"
        )
    }
    try await target.fill(with: contents)
    let after = try await target.verify()
    guard after == before else {
        throw .unreadable(
            """
            the copy in \(target.place) differs from \(source.place), which was not changed \
            (\(after.breach ?? "\(after.entryCount) of \(before.entryCount) entries")): drop the copy
            """
        )
    }
    return after
}
