package import DeployCore
package import DeployPorts
import Synchronization

extension MemoryRunStore {
    // MARK: runs and events

    package func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry {
        try change { journal throws(RunStoreError) in
            guard case .started(let plan) = event.kind else {
                throw .unreadable("a run begins with its start")
            }
            guard !journal.runs.contains(where: { $0.record.id == run }) else {
                throw .unreadable("run \(run) is there already")
            }
            try journal.check(lease, service: plan.service)
            try journal.breakDown()
            let record = RunRecord(id: run, service: plan.service, version: plan.version, startedAt: event.at)
            journal.runs.append(Run(record: record, playbook: playbook))
            return try journal.write(event, effects, run, lease)
        }
    }

    package func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry {
        try change { journal throws(RunStoreError) in
            try journal.check(lease, service: journal.service(of: run))
            try journal.breakDown()
            if let index = journal.commands.firstIndex(where: { $0.waiting.id == command }) {
                journal.commands[index].reply = PostedCommand.Reply(refusal: nil)
            }
            return try journal.write(event, effects, run, lease)
        }
    }

    package func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry] {
        disk.journal.withLock { journal in
            let entries = journal.runs.first { $0.record.id == run }?.entries ?? []
            return entries.filter { $0.sequence > sequence }
        }
    }

    package func runs(
        of service: String?,
        before run: RunID?,
        limit: Int
    ) async throws(RunStoreError) -> [RunRecord] {
        disk.journal.withLock { journal in
            let all = journal.runs.map(\.record)
            let end = run.map { run in all.firstIndex { $0.id == run } ?? 0 } ?? all.endIndex
            let records = all[..<end].filter { service == nil || $0.service == service }
            return Array(records.reversed().prefix(limit))
        }
    }

    package func run(_ identity: String) async throws(RunStoreError) -> RunRecord? {
        disk.journal.withLock { journal in
            let records = journal.runs.map(\.record)
            if let exact = records.first(where: { $0.id.rawValue == identity }) { return exact }
            let matching = records.filter { $0.id.rawValue.hasPrefix(identity) }
            return matching.count == 1 ? matching[0] : nil
        }
    }

    package func playbook(of run: RunID) async throws(RunStoreError) -> String {
        try change { journal throws(RunStoreError) in
            guard let found = journal.runs.first(where: { $0.record.id == run }) else {
                throw .unreadable("there is no run \(run)")
            }
            return found.playbook
        }
    }

    // MARK: commands

    package func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int {
        try change { journal throws(RunStoreError) in
            _ = try journal.service(of: run)
            let waiting = PostedCommand.Waiting(id: journal.commands.count + 1, posted: command)
            journal.commands.append(Command(run: run, waiting: waiting))
            return waiting.id
        }
    }

    package func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting] {
        disk.journal.withLock { journal in
            journal.commands.filter { $0.run == run && $0.reply == nil }.map(\.waiting)
        }
    }

    package func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError) {
        try change { journal throws(RunStoreError) in
            guard let index = journal.commands.firstIndex(where: { $0.waiting.id == id }) else {
                throw .unreadable("there is no command \(id)")
            }
            try journal.check(lease, service: journal.service(of: journal.commands[index].run))
            guard journal.commands[index].reply == nil else { return }
            journal.commands[index].reply = PostedCommand.Reply(refusal: refusal)
        }
    }

    package func run(ofCommand id: Int) async throws(RunStoreError) -> RunID? {
        disk.journal.withLock { journal in journal.commands.first { $0.waiting.id == id }?.run }
    }

    package func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply? {
        disk.journal.withLock { journal in journal.commands.first { $0.waiting.id == id }?.reply }
    }

    // MARK: truth

    package func verify() async throws(RunStoreError) -> ChainReport {
        disk.journal.withLock { journal in
            var head = ""
            for entry in journal.chain {
                guard entry.hash == Journal.hash(after: head, entry.event, entry.effects) else {
                    let breach = "entry \(entry.sequence) of run \(entry.run) does not fit"
                    return ChainReport(entryCount: journal.chain.count, head: head, breach: breach)
                }
                head = entry.hash
            }
            return ChainReport(entryCount: journal.chain.count, head: head, breach: nil)
        }
    }
}

extension MemoryRunStore.Journal {
    fileprivate func service(of run: RunID) throws(RunStoreError) -> String {
        guard let found = runs.first(where: { $0.record.id == run }) else {
            throw .unreadable("there is no run \(run)")
        }
        return found.record.service
    }

    fileprivate mutating func breakDown() throws(RunStoreError) {
        guard var planned = failure else { return }
        guard planned.after == 0 else {
            planned.after -= 1
            failure = planned
            return
        }
        planned.times -= 1
        failure = planned.times > 0 ? planned : nil
        throw planned.error
    }

    fileprivate mutating func write(
        _ event: RunEvent,
        _ effects: [PendingEffect],
        _ run: RunID,
        _ lease: Lease
    ) throws(RunStoreError) -> JournalEntry {
        guard let index = runs.firstIndex(where: { $0.record.id == run }) else {
            throw .unreadable("there is no run \(run)")
        }
        let entry = JournalEntry(
            run: run,
            sequence: runs[index].entries.count + 1,
            event: event,
            effects: effects,
            fence: lease.fence,
            hash: Self.hash(after: head, event, effects)
        )
        runs[index].entries.append(entry)
        chain.append(entry)
        return entry
    }

    fileprivate static func hash(after head: String, _ event: RunEvent, _ effects: [PendingEffect]) -> String
    {
        var hasher = Hasher()
        hasher.combine(head)
        hasher.combine(event)
        hasher.combine(effects)
        return String(UInt(bitPattern: hasher.finalize()), radix: 16)
    }
}
