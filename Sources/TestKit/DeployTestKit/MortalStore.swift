package import DeployCore
package import DeployPorts
import Synchronization

/// A process's way to its journal, in which the process dies at a chosen write of an event.
package final class MortalStore: RunStore {
    package enum Moment: Hashable, Sendable {
        /// The event is lost.
        case beforeWriting
        /// The event is durable, and the process never learns it.
        case afterWriting
    }

    private let store: any RunStore
    private let process: SimulatedProcess
    private let fatal: Int
    private let moment: Moment
    private let writes = Mutex(0)
    private let isDead = Mutex(false)

    /// `process` dies at the write with the number `fatal`, counted from 1.
    package init(_ store: any RunStore, of process: SimulatedProcess, dyingAt fatal: Int, _ moment: Moment) {
        self.store = store
        self.process = process
        self.fatal = fatal
        self.moment = moment
    }

    private func write(
        _ body: () async throws(RunStoreError) -> JournalEntry
    ) async throws(RunStoreError) -> JournalEntry {
        try checkLife()
        let number = writes.withLock { count in
            count += 1
            return count
        }
        guard number == fatal else { return try await body() }
        if moment == .afterWriting { _ = try await body() }
        isDead.withLock { $0 = true }
        process.kill()
        await process.suspendForever()
        throw .leaseLost
    }

    /// A dead process that is being cleared away reaches its journal no more.
    private func checkLife() throws(RunStoreError) {
        if isDead.withLock({ $0 }) { throw .leaseLost }
    }

    package func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry {
        try await write { () async throws(RunStoreError) in
            try await store.open(run, event: event, effects: effects, playbook: playbook, lease: lease)
        }
    }

    package func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry {
        try await write { () async throws(RunStoreError) in
            try await store.append(event, effects: effects, to: run, lease: lease, answering: command)
        }
    }

    package func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry] {
        try await store.entries(of: run, after: sequence)
    }

    package func runs(of service: String?, limit: Int) async throws(RunStoreError) -> [RunRecord] {
        try await store.runs(of: service, limit: limit)
    }

    package func run(_ identity: String) async throws(RunStoreError) -> RunRecord? {
        try await store.run(identity)
    }

    package func playbook(of run: RunID) async throws(RunStoreError) -> String {
        try await store.playbook(of: run)
    }

    package func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    ) async throws(RunStoreError) -> Lease {
        try await store.acquireLease(on: service, for: holder, takeover: takeover, floor: floor, at: now)
    }

    package func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError) {
        try checkLife()
        try await store.renew(lease, at: now)
    }

    package func release(_ lease: Lease) async throws(RunStoreError) {
        try checkLife()
        try await store.release(lease)
    }

    package func lease(on service: String) async throws(RunStoreError) -> Lease? {
        try await store.lease(on: service)
    }

    package func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int {
        try await store.post(command, to: run)
    }

    package func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting] {
        try checkLife()
        return try await store.postedCommands(of: run)
    }

    package func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError) {
        try checkLife()
        try await store.answer(id, refusal: refusal, lease: lease)
    }

    package func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply? {
        try await store.reply(to: id)
    }

    package func verify() async throws(RunStoreError) -> ChainReport { try await store.verify() }
}
