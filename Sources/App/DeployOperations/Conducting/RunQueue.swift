package import DeployCore
package import DeployPorts
import Foundation

/// A run that begins when the service's other runs are settled.
package struct QueuedRun: Codable, Sendable {
    package let service: String
    package let version: Version
    /// As it was typed; `nil` for the playbook's.
    package let strategy: String?
    package let by: Actor
    package let reason: String?
    package let at: Timestamp
    /// Whether it goes through closed windows.
    package let overridesWindows: Bool?
    /// Why it could not be begun; it stays for people to see until somebody takes it out.
    package var failure: String?

    package init(
        service: String,
        version: Version,
        strategy: String?,
        by: Actor,
        reason: String?,
        overridesWindows: Bool = false,
        at: Timestamp
    ) {
        self.service = service
        self.version = version
        self.strategy = strategy
        self.by = by
        self.reason = reason
        self.overridesWindows = overridesWindows
        self.at = at
    }
}

/// Runs that wait for their service, in the order in which they were asked for; any process begins them.
package struct RunQueue: Sendable {
    private static let kind = Record.Kind(rawValue: "queue")
    /// So many can wait for one service.
    package static let limit = 100

    /// More than can wait: their keys follow each other, and whoever asks at the same time may go beyond.
    private static let page = 1000

    private let records: any RecordStore

    package init(_ records: any RecordStore) { self.records = records }

    /// Returns the key under which it waits.
    ///
    /// The run is called `identity` when it begins. `.unavailable` when ``limit`` wait already, also those that could
    /// not be begun.
    package func add(_ run: QueuedRun, as identity: RunID) async throws(CommandFailure) -> String {
        let key = "\(run.service)/\(identity)"
        let isFull: Bool
        let record: Record?
        do throws(RunStoreError) {
            isFull = try await waiting(of: run.service).count >= Self.limit
            let text = try text(of: run)
            record = isFull ? nil : try await records.insert(text, as: Self.kind, key: key, due: run.at)
        } catch {
            throw CommandFailure(error)
        }
        guard !isFull else {
            throw CommandFailure(
                .unavailable,
                """
                \(Self.limit) runs wait for \(run.service) already, and no more may
                Take out what nobody wants any more, on its page or by DELETE /v1/services/\(run.service)/queue/RUN
                """
            )
        }
        guard record != nil else {
            throw CommandFailure(.unavailable, "\(key) is in the queue already: ask again")
        }
        return key
    }

    /// Those of `service`, oldest first.
    package func runs(of service: String) async throws(RunStoreError) -> [(key: String, run: QueuedRun)] {
        try await waiting(of: service).map { ($0.record.key, $0.run) }
    }

    /// Takes one out; `false` when it is not there any more.
    package func remove(_ key: String) async throws(RunStoreError) -> Bool {
        guard let record = try await records.record(Self.kind, key) else { return false }
        return try await records.remove(record)
    }

    /// The oldest of `service` that can be begun; `nil` without one.
    ///
    /// It stays until it is removed: whoever begins it gives the run the identity that it has here, so that it is
    /// begun once, whatever happens in between.
    func next(of service: String) async throws(RunStoreError) -> (key: String, id: RunID, run: QueuedRun)? {
        try await waiting(of: service).first { $0.run.failure == nil }.map { record, run in
            (record.key, RunID(rawValue: String(record.key.dropFirst(service.count + 1))), run)
        }
    }

    /// Keeps one in the queue with the reason why it is not begun, for people to see.
    func refuse(_ key: String, because reason: String) async throws(RunStoreError) {
        guard let record = try await records.record(Self.kind, key), var run = Self.run(record) else {
            return
        }
        run.failure = reason
        _ = try await records.replace(record, with: try text(of: run), due: nil)
    }

    private func waiting(
        of service: String
    ) async throws(RunStoreError) -> [(record: Record, run: QueuedRun)] {
        try await records.records(Self.kind, after: "\(service)/", limit: Self.page).compactMap { record in
            guard record.key.hasPrefix("\(service)/") else { return nil }
            return Self.run(record).map { (record, $0) }
        }
    }

    private static func run(_ record: Record) -> QueuedRun? {
        try? JSONDecoder().decode(QueuedRun.self, from: Data(record.value.utf8))
    }

    private func text(of run: QueuedRun) throws(RunStoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(run), as: UTF8.self)
        } catch {
            throw .unreadable("a queued run of \(run.service) cannot be written as JSON")
        }
    }
}
