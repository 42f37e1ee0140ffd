import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import HTTPClient
import Synchronization

/// A service's journal, as it gives it out: to be read, and never written from here.
final class RemoteStore: RunStore {
    let server: RemoteServer
    /// What the port's errors cannot say, such as that the token may not do this.
    private let lastFailure = Mutex<CommandFailure?>(nil)

    /// Runs that one question asks for.
    private static let page = 100

    init(_ server: RemoteServer) { self.server = server }

    /// What `failure` came from, with its own code, where it came from the service.
    func cause(of failure: CommandFailure) -> CommandFailure {
        let last = lastFailure.withLock { $0 }
        guard let last, failure.message.hasPrefix(last.message) else { return failure }
        return last
    }

    private func asking<Value>(
        _ work: () async throws(RemoteFailure) -> Value
    ) async throws(RunStoreError) -> Value {
        do throws(RemoteFailure) {
            return try await work()
        } catch {
            throw noted(error)
        }
    }

    private func noted(_ error: RemoteFailure) -> RunStoreError {
        lastFailure.withLock { $0 = error.failure }
        return .unavailable(error.failure.message)
    }

    // MARK: reading

    func entries(of run: RunID, after sequence: Int) async throws(RunStoreError) -> [JournalEntry] {
        try await asking { () async throws(RemoteFailure) in try await journal(of: run, after: sequence) }
    }

    /// In order, of that run, and without a gap: else it is no journal.
    func journal(of run: RunID, after sequence: Int) async throws(RemoteFailure) -> [JournalEntry] {
        struct Page: Decodable {
            let entries: [JournalEntry]
            /// Where the next page begins; `nil` when this is the last.
            let next: Int?
        }
        var found: [JournalEntry] = []
        var last = sequence
        while true {
            let path = RemotePath("runs", run.rawValue, "journal", query: ["after": "\(last)"])
            let page = try await server.read(Page.self, path)
            for entry in page.entries {
                guard entry.run == run, entry.sequence == last + 1 else {
                    throw RemoteFailure(
                        failure: CommandFailure(
                            .unavailable,
                            """
                            \(server.address.text) gave out entry \(entry.sequence) of run \(entry.run) where \
                            entry \(last + 1) of run \(run) was due; check the journal there with \
                            `bgdeploy audit verify`
                            """
                        ),
                        isPassing: false,
                        status: nil
                    )
                }
                found.append(entry)
                last = entry.sequence
            }
            guard page.next != nil, !page.entries.isEmpty else { return found }
        }
    }

    func runs(
        of service: String?,
        before run: RunID?,
        limit: Int
    ) async throws(RunStoreError) -> [RunRecord] {
        struct Page: Decodable {
            let runs: [RemoteRun]
            let next: String?
        }
        return try await asking { () async throws(RemoteFailure) in
            var found: [RunRecord] = []
            var cursor = run?.rawValue
            repeat {
                let count = min(limit - found.count, Self.page)
                let path = RemotePath(
                    "runs",
                    query: ["service": service, "limit": "\(count)", "cursor": cursor]
                )
                let page = try await server.read(Page.self, path)
                found += page.runs.map(\.record)
                cursor = page.runs.isEmpty ? nil : page.next
            } while cursor != nil && found.count < limit
            return found
        }
    }

    func run(_ identity: String) async throws(RunStoreError) -> RunRecord? {
        do throws(RemoteFailure) {
            return try await server.read(RemoteRun.self, RemotePath("runs", identity)).record
        } catch {
            if error.status == 404, error.failure.status == .badInput { return nil }
            throw noted(error)
        }
    }

    func playbook(of run: RunID) async throws(RunStoreError) -> String {
        try await asking { () async throws(RemoteFailure) in
            let answer = try await server.text(RemotePath("runs", run.rawValue, "playbook"), "text/yaml")
            return String(decoding: answer.body, as: UTF8.self)
        }
    }

    func lease(on service: String) async throws(RunStoreError) -> Lease? {
        try await asking { () async throws(RemoteFailure) in
            try await server.read(Lease?.self, RemotePath("services", service, "lease"))
        }
    }

    func verify() async throws(RunStoreError) -> ChainReport {
        struct Report: Decodable {
            let entries: Int
            let head: String
            let breach: String?
        }
        return try await asking { () async throws(RemoteFailure) in
            let report = try await server.read(Report.self, RemotePath("audit"))
            return ChainReport(entryCount: report.entries, head: report.head, breach: report.breach)
        }
    }

    // MARK: what only the service does

    private static let refusal = RunStoreError.unavailable(
        "the journal of a service is written by the service alone"
    )

    func open(
        _ run: RunID,
        event: RunEvent,
        effects: [PendingEffect],
        playbook: String,
        lease: Lease
    ) async throws(RunStoreError) -> JournalEntry { throw Self.refusal }

    func append(
        _ event: RunEvent,
        effects: [PendingEffect],
        to run: RunID,
        lease: Lease,
        answering command: Int?
    ) async throws(RunStoreError) -> JournalEntry { throw Self.refusal }

    func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    ) async throws(RunStoreError) -> Lease { throw Self.refusal }

    func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError) { throw Self.refusal }
    func release(_ lease: Lease) async throws(RunStoreError) { throw Self.refusal }

    func post(_ command: PostedCommand, to run: RunID) async throws(RunStoreError) -> Int {
        throw Self.refusal
    }

    func postedCommands(of run: RunID) async throws(RunStoreError) -> [PostedCommand.Waiting] {
        throw Self.refusal
    }

    func answer(_ id: Int, refusal: String?, lease: Lease) async throws(RunStoreError) {
        throw Self.refusal
    }

    func run(ofCommand id: Int) async throws(RunStoreError) -> RunID? { throw Self.refusal }

    func reply(to id: Int) async throws(RunStoreError) -> PostedCommand.Reply? { throw Self.refusal }
}

/// A run as the service lists it.
struct RemoteRun: Decodable {
    let record: RunRecord

    private enum Key: String, CodingKey {
        case run, service, version, startedAt
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let time = try fields.decode(String.self, forKey: .startedAt)
        let date = try Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        record = RunRecord(
            id: RunID(rawValue: try fields.decode(String.self, forKey: .run)),
            service: try fields.decode(String.self, forKey: .service),
            version: try fields.decode(Version.self, forKey: .version),
            startedAt: Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
        )
    }
}
