import DeployPorts
import Foundation

/// The moment that a dump shows: a snapshot of the database, held open while it is dumped.
struct DumpMoment: Sendable {
    /// For `pg_dump --snapshot`.
    let snapshot: String
    let lsn: String?
    let tables: Int
    /// `nil` unless rows were to be counted.
    let census: TableCensus?

    /// Holds the moment until `body` is through; `isCounting` counts the rows of all tables first.
    static func hold<Value: Sendable>(
        _ server: DatabaseServer,
        _ kit: PostgresTools.Kit,
        isCounting: Bool,
        until end: ContinuousClock.Instant,
        _ body: (DumpMoment) async throws(StepFailure) -> Value
    ) async throws(StepFailure) -> Value {
        let session = try PsqlSession(server, kit)
        let result: Result<Value, StepFailure>
        do throws(StepFailure) {
            let moment = try await take(session, isCounting: isCounting, until: end)
            result = .success(try await body(moment))
        } catch {
            result = .failure(error)
        }
        await session.end()
        return try result.get()
    }

    private static func take(
        _ session: PsqlSession,
        isCounting: Bool,
        until end: ContinuousClock.Instant
    ) async throws(StepFailure) -> DumpMoment {
        let lines = try await session.ask(opening(until: end), until: end)
        guard let line = lines.last,
            let answer = try? JSONDecoder().decode(Answer.self, from: Data(line.utf8))
        else { throw StepFailure("the database's snapshot cannot be read", isTransient: false) }
        return DumpMoment(
            snapshot: answer.snapshot,
            lsn: answer.lsn,
            tables: answer.tables,
            census: isCounting ? try await TableCensus.take(session, until: end) : nil
        )
    }

    private struct Answer: Decodable {
        let snapshot: String
        let lsn: String?
        let tables: Int
    }

    /// The server ends the session a little after us, should we be gone without a word.
    private static func opening(until end: ContinuousClock.Instant) -> String {
        let left = max(1000, Int((end - .now).inSeconds * 1000) + 5000)
        return """
            set statement_timeout = \(left); set idle_in_transaction_session_timeout = \(left);
            begin isolation level repeatable read read only;
            select json_build_object(
                'snapshot', pg_export_snapshot(),
                'lsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                    else pg_current_wal_insert_lsn() end,
                'tables', (select count(*) \(TableCensus.own) and c.relkind in ('r', 'p'))
            );
            """
    }
}
