package import DeployCore
package import DeployPorts
import Synchronization

/// A journal in memory that keeps the promises of ``RunStoreContract``, and breaks down as it is told to.
///
/// Its hashes make a chain but are no SHA-256.
package final class MemoryRunStore: RunStore {
    struct Run {
        let record: RunRecord
        let playbook: String
        var entries: [JournalEntry] = []
    }

    struct Command {
        let run: RunID
        let waiting: PostedCommand.Waiting
        var reply: PostedCommand.Reply?
    }

    struct Journal {
        var runs: [Run] = []
        var chain: [JournalEntry] = []
        var leases: [String: Lease] = [:]
        var fences: [String: Int] = [:]
        var commands: [Command] = []
        var failure: (error: RunStoreError, times: Int, after: Int)?

        var head: String { chain.last?.hash ?? "" }
    }

    final class Disk: Sendable {
        let journal = Mutex(Journal())
    }

    let disk: Disk
    private let isAlive: @Sendable (LeaseHolder) -> Bool?

    /// `isAlive` tells of a lease's holder: `nil` when that cannot be known from here.
    package convenience init(isAlive: @escaping @Sendable (LeaseHolder) -> Bool? = { _ in nil }) {
        self.init(Disk(), isAlive: isAlive)
    }

    private init(_ disk: Disk, isAlive: @escaping @Sendable (LeaseHolder) -> Bool?) {
        self.disk = disk
        self.isAlive = isAlive
    }

    /// The same journal, opened anew.
    package func reopened(isAlive: @escaping @Sendable (LeaseHolder) -> Bool?) -> MemoryRunStore {
        MemoryRunStore(disk, isAlive: isAlive)
    }

    /// Lets `times` writes of events fail with `error`, after the next `after` have gone well.
    package func failWrites(with error: RunStoreError, times: Int = .max, after: Int = 0) {
        disk.journal.withLock { $0.failure = (error, times, after) }
    }

    /// Everything that was ever written, of all runs, in order.
    package var chain: [JournalEntry] { disk.journal.withLock { $0.chain } }

    func change<Value: Sendable>(
        _ body: (inout Journal) throws(RunStoreError) -> Value
    ) throws(RunStoreError) -> Value {
        let result = disk.journal.withLock { journal -> Result<Value, RunStoreError> in
            do throws(RunStoreError) {
                return .success(try body(&journal))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // MARK: leases

    package func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    ) async throws(RunStoreError) -> Lease {
        try change { journal throws(RunStoreError) in
            if let held = journal.leases[service], takeover != .byForce, isAlive(held.holder) != false,
                now < held.expires
            {
                throw .held(held)
            }
            let fence = max(journal.fences[service] ?? 0, floor) + 1
            let lease = Lease(
                service: service,
                holder: holder,
                fence: fence,
                expires: now.advanced(by: Lease.length)
            )
            journal.fences[service] = fence
            journal.leases[service] = lease
            return lease
        }
    }

    package func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError) {
        try change { journal throws(RunStoreError) in
            try journal.check(lease, service: lease.service)
            journal.leases[lease.service] = Lease(
                service: lease.service,
                holder: lease.holder,
                fence: lease.fence,
                expires: now.advanced(by: Lease.length)
            )
        }
    }

    package func release(_ lease: Lease) async throws(RunStoreError) {
        try change { journal throws(RunStoreError) in
            guard journal.holds(lease) else { return }
            journal.leases[lease.service] = nil
        }
    }

    package func lease(on service: String) async throws(RunStoreError) -> Lease? {
        disk.journal.withLock { $0.leases[service] }
    }
}

extension MemoryRunStore.Journal {
    func holds(_ lease: Lease) -> Bool { leases[lease.service]?.fence == lease.fence }

    func check(_ lease: Lease, service: String) throws(RunStoreError) {
        guard lease.service == service, holds(lease) else { throw .leaseLost }
    }
}
