import DatabaseDiagnosis
import PostgresClient
import ServiceLab
import Testing

/// A PostgreSQL of a test's own, and those who trouble it.
struct Ward: Sendable {
    static let patience = Duration.seconds(60)

    let url: String

    static func with(_ body: (Ward, PostgresAccess) async throws -> Void) async throws {
        let server = try await onThread { try PostgresServer() }
        defer { server.stop() }
        try await body(Ward(url: server.access.url()), server.access)
    }

    /// Somebody who is connected.
    func session(_ name: String, _ url: String? = nil) async throws -> PostgresSession {
        try await PostgresSession.open(
            try PostgresAddress(url ?? self.url),
            named: name,
            within: Self.patience
        )
    }

    /// Carries out one statement after another, each in a transaction of its own unless they make one.
    func run(_ statements: String...) async throws {
        let session = try await session("setup")
        defer { session.close() }
        for statement in statements { try await session.run(statement, commits: true) }
    }

    /// Diagnoses until `isSeen`, and returns the diagnosis; the last one when the patience is over.
    func diagnosis(
        _ thresholds: Thresholds = Thresholds(),
        until isSeen: (Diagnosis) -> Bool
    ) async throws -> Diagnosis {
        let end = ContinuousClock.now + Self.patience
        while true {
            let diagnosis = try await Diagnostician(url: url, thresholds: thresholds, limit: Self.patience)
                .diagnose()
            if isSeen(diagnosis) || ContinuousClock.now > end { return diagnosis }
        }
    }
}

extension PostgresSession {
    func run(_ script: String, commits: Bool) async throws(PostgresError) {
        try await run(script, commits: commits, within: Ward.patience * 2)
    }
}

extension Diagnosis {
    /// The findings on `topic` that are not in order.
    func troubles(_ topic: Topic) -> [Finding] {
        findings.filter { $0.topic == topic && $0.severity > .ok }
    }
}
