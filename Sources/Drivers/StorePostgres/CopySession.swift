import DeployCore
import DeployPorts
import JournalFormat
import PostgresClient

/// A connection for one long transaction.
struct CopySession {
    /// As long as one statement of a copy may take.
    private static let limit = Duration.seconds(60)
    private static let batchSize = 100

    private let session: PostgresSession
    private let problem: PostgresProblem

    init(_ address: PostgresAddress) async throws(RunStoreError) {
        problem = PostgresProblem(address: address)
        do throws(PostgresError) {
            session = try await PostgresSession.open(
                address,
                named: "bgdeploy copying",
                within: PostgresRunStore.deadline
            )
        } catch {
            throw problem.translated(error)
        }
    }

    func close() { session.close() }

    func run(_ script: String, commits: Bool) async throws(RunStoreError) {
        do throws(PostgresError) {
            try await session.run(script, commits: commits, within: Self.limit)
        } catch {
            guard commits, error.isUnknown else { throw problem.translated(error) }
            throw problem.doubt(after: .unknown(reason: problem.text(of: error)))
        }
    }

    func rows(_ statement: String, _ values: [String] = []) async throws(RunStoreError) -> [PostgresRow] {
        do throws(PostgresError) {
            return try await session.query(statement, values, within: Self.limit)
                .map { PostgresRow(cells: $0) }
        } catch {
            throw problem.translated(error)
        }
    }

    /// `columns` are the names of the rows' fields with the types that they have in the table.
    func insert(_ rows: [some Encodable], _ table: String, _ columns: String) async throws(RunStoreError) {
        let fields = columns.split(separator: ",")
        let names = fields.compactMap { $0.split(whereSeparator: \.isWhitespace).first }
            .joined(separator: ", ")
        for start in stride(from: 0, to: rows.count, by: Self.batchSize) {
            let batch = Array(rows[start..<min(start + Self.batchSize, rows.count)])
            guard let json = try? JournalCoding.text(batch) else {
                throw .unavailable("the \(table) cannot be written as JSON; nothing was copied")
            }
            _ = try await self.rows(
                """
                INSERT INTO bgdeploy.\(table) (\(names))
                SELECT \(names) FROM json_to_recordset($1::json) AS x(\(columns))
                """,
                [json]
            )
        }
    }
}

// Rows as they are in the tables; the fields have the columns' names.

struct EventRow: Encodable {
    let position: Int
    let run: String
    let sequence: Int
    let at: Int64
    let fence: Int
    let event: String
    let effects: String
    let previous: String
    let hash: String

    init(_ link: ChainLink) {
        position = link.position
        run = link.line.run
        sequence = link.line.sequence
        at = link.line.at
        fence = link.line.fence
        event = String(decoding: link.line.event, as: UTF8.self)
        effects = String(decoding: link.line.effects, as: UTF8.self)
        previous = link.line.previous
        hash = link.hash
    }
}

struct RunRow: Encodable {
    let position: Int
    let id: String
    let service: String
    let version: String
    let startedAt: Int64
    let playbook: String
    let last: Int

    enum CodingKeys: String, CodingKey {
        case position, id, service, version
        case startedAt = "started_at"
        case playbook, last
    }

    /// `nil` unless it is the first entry of a run, which has `last` entries.
    init?(_ link: ChainLink, last: Int) {
        guard let run = link.run else { return nil }
        position = link.position
        id = run.id
        service = run.service
        version = run.version
        startedAt = run.startedAt
        playbook = run.playbook
        self.last = last
    }
}

struct FenceRow: Encodable {
    let service: String
    let fence: Int
    let expires = 0

    init(_ fence: JournalContents.Fence) {
        service = fence.service
        self.fence = fence.fence
    }
}

struct RecordRow: Encodable {
    let kind: String
    let key: String
    let value: String
    let due: Int64?
    let revision: Int

    init(_ record: Record) {
        kind = record.kind.rawValue
        key = record.key
        value = record.value
        due = record.due?.milliseconds
        revision = record.revision
    }
}
