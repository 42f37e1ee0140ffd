public import DeployCore

/// Where journals live: append-only events in a hash chain, one lease a service, a box for commands.
///
/// An append is durable when the call returns (it survives a power cut).
public protocol RunStore: Sendable {
    // MARK: runs and events

    /// Opens a run with its first event (`.started`) and the playbook's text, under a lease.
    /// `.held` never comes from here: take the lease first.
    func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    )
        async throws(RunStoreError) -> JournalEntry

    /// Appends one event and the effects that it calls for, in one transaction, if `lease` still holds.
    /// Nothing is written on an error.
    /// `command` is taken as accepted in the same transaction, so that no command is obeyed twice.
    func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry

    /// The run's entries with a sequence number above `sequence`, in order.
    func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry]

    /// Newest first, `limit` at most: those older than `run`, which has to be there; from the newest on where that is
    /// `nil`.
    func runs(of service: String?, before run: RunID?, limit: Int) async throws(RunStoreError) -> [RunRecord]
    /// By whole identity or by a prefix that names one run; `nil` when there is none.
    func run(_ identity: String) async throws(RunStoreError) -> RunRecord?
    func playbook(of run: RunID) async throws(RunStoreError) -> String

    // MARK: leases

    /// Takes the service's lease if it is free, its holder's process is dead, or its time is over; with
    /// `.byForce` also from a living holder. The new fencing number is above every earlier one and above `floor`.
    ///
    /// A store that several hosts share goes by its own clock instead of `now`, for all of them alike.
    func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    )
        async throws(RunStoreError) -> Lease
    /// Makes the lease last until `now` plus its length. `.leaseLost` when somebody else has it.
    func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError)
    func release(_ lease: Lease) async throws(RunStoreError)
    /// Who holds the service now, as it was written; the caller judges whether the holder lives.
    func lease(on service: String) async throws(RunStoreError) -> Lease?

    // MARK: commands from other processes

    /// Puts a command into the run's box; the process that holds the lease takes it out.
    func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int
    /// Commands not yet answered, oldest first.
    func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting]
    /// Answers one: `refusal` is `nil` when it was accepted.
    func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError)
    /// The run whose box it was put into; `nil` for a number that no command has.
    func run(ofCommand id: Int) async throws(RunStoreError) -> RunID?
    /// `nil` while it waits.
    func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply?

    // MARK: truth

    /// Recomputes the whole hash chain.
    func verify() async throws(RunStoreError) -> ChainReport
}

extension RunStore {
    /// Newest first.
    public func runs(of service: String?, limit: Int) async throws(RunStoreError) -> [RunRecord] {
        try await runs(of: service, before: nil, limit: limit)
    }

    /// Appends an event that answers no command.
    public func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry {
        try await append(event, effects: effects, to: run, lease: lease, answering: nil)
    }
}

public enum Takeover: Hashable, Sendable {
    case onlyIfFree
    case byForce
}

/// One line of the journal.
public struct JournalEntry: Hashable, Codable, Sendable {
    public let run: RunID
    /// Counts from 1 within the run, without gaps.
    public let sequence: Int
    public let event: RunEvent
    /// The intents: what this event made the engine begin.
    public let effects: [PendingEffect]
    /// The fencing number of the writer.
    public let fence: Int
    /// SHA-256 over the previous entry's hash and this entry's content, hexadecimal.
    public let hash: String

    public init(
        run: RunID,
        sequence: Int,
        event: RunEvent,
        effects: [PendingEffect],
        fence: Int,
        hash: String
    ) {
        self.run = run
        self.sequence = sequence
        self.event = event
        self.effects = effects
        self.fence = fence
        self.hash = hash
    }
}

public struct RunRecord: Hashable, Sendable {
    public let id: RunID
    public let service: String
    public let version: Version
    public let startedAt: Timestamp

    public init(id: RunID, service: String, version: Version, startedAt: Timestamp) {
        self.id = id
        self.service = service
        self.version = version
        self.startedAt = startedAt
    }
}

/// A process, so that it can be told from a later one with the same number.
public struct LeaseHolder: Hashable, Codable, Sendable {
    public let host: String
    /// `/proc/sys/kernel/random/boot_id`.
    public let boot: String
    public let process: Int
    /// The process's start in clock ticks since boot (field 22 of `/proc/PID/stat`).
    public let startTicks: Int
    /// The PID namespace that ``process`` counts in, as `/proc/self/ns/pid` names it; `nil` in leases of versions
    /// that did not tell.
    public let namespace: String?
    public let actor: Actor
    /// What it holds the service for, such as `run v2.5.0`.
    public let purpose: String

    public init(
        host: String,
        boot: String,
        process: Int,
        startTicks: Int,
        namespace: String? = nil,
        actor: Actor,
        purpose: String
    ) {
        self.host = host
        self.boot = boot
        self.process = process
        self.startTicks = startTicks
        self.namespace = namespace
        self.actor = actor
        self.purpose = purpose
    }
}

public struct Lease: Hashable, Codable, Sendable {
    /// A holder that has not renewed for this long may be replaced.
    public static let length = Span.seconds(15)

    public let service: String
    public let holder: LeaseHolder
    /// The fencing number.
    public let fence: Int
    public let expires: Timestamp

    public init(service: String, holder: LeaseHolder, fence: Int, expires: Timestamp) {
        self.service = service
        self.holder = holder
        self.fence = fence
        self.expires = expires
    }
}

public struct PostedCommand: Hashable, Codable, Sendable {
    public let command: Command
    public let by: Actor
    public let reason: String?
    public let at: Timestamp

    public init(command: Command, by: Actor, reason: String?, at: Timestamp) {
        self.command = command
        self.by = by
        self.reason = reason
        self.at = at
    }

    public struct Waiting: Hashable, Sendable {
        public let id: Int
        public let posted: PostedCommand

        public init(id: Int, posted: PostedCommand) {
            self.id = id
            self.posted = posted
        }
    }

    public struct Reply: Hashable, Sendable {
        /// `nil` when the command was accepted.
        public let refusal: String?

        public init(refusal: String?) { self.refusal = refusal }
    }
}

public struct ChainReport: Hashable, Sendable {
    public let entryCount: Int
    /// The last good entry's hash.
    public let head: String
    /// The first entry that does not fit: the run, its sequence and why.
    ///
    /// `nil` when the chain is whole.
    public let breach: String?

    public init(entryCount: Int, head: String, breach: String?) {
        self.entryCount = entryCount
        self.head = head
        self.breach = breach
    }
}

public enum RunStoreError: Error, Hashable, Sendable {
    /// The file or the database cannot be opened, read or locked in time. Nothing was written, unless the text says
    /// that this is not known: then the same append may be tried again, and is written once.
    case unavailable(String)
    /// The disk is full. Nothing was written.
    case full(String)
    /// A living process holds the service. Nothing was written.
    case held(Lease)
    /// Somebody else has the lease now. Nothing was written.
    case leaseLost
    /// The journal was written by a later version or is damaged: it is not touched.
    case unreadable(String)
}
