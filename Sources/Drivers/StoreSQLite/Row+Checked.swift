import DeployPorts
import FoundationEssentials
import GRDB
import JournalFormat

/// GRDB's own subscripts end the process on a value of another kind, which a damaged file may hold.
extension Row {
    func text(_ column: String) throws -> String { try value(column) }
    func number(_ column: String) throws -> Int { try value(column) }
    func bytes(_ column: String) throws -> [UInt8] { [UInt8](try value(column) as Data) }
    func optionalNumber(_ column: String) -> Int? {
        let stored: DatabaseValue = self[column]
        return Int.fromDatabaseValue(stored)
    }
    func optionalText(_ column: String) -> String? {
        let stored: DatabaseValue = self[column]
        return String.fromDatabaseValue(stored)
    }

    private func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        let stored: DatabaseValue = self[column]
        guard let value = Value.fromDatabaseValue(stored) else {
            throw RunStoreError.unreadable(
                "the journal is damaged: a row's \(column) is unreadable; restore it from a backup"
            )
        }
        return value
    }
}

extension JournalLine {
    /// From a row of ``SQLiteRunStore/lines``.
    init(row: Row) throws {
        self.init(
            run: try row.text("run"),
            sequence: try row.number("sequence"),
            at: Int64(try row.number("at")),
            fence: try row.number("fence"),
            event: try row.bytes("event"),
            effects: try row.bytes("effects"),
            previous: try row.text("previous"),
            playbook: row.optionalText("playbook") ?? ""
        )
    }
}

extension ChainLink {
    /// From a row of ``SQLiteRunStore/lines``.
    init(row: Row) throws {
        var run: RunLine?
        if let id = row.optionalText("id") {
            run = RunLine(
                id: id,
                service: try row.text("service"),
                version: try row.text("version"),
                startedAt: Int64(try row.number("started_at")),
                playbook: row.optionalText("playbook") ?? ""
            )
        }
        self.init(
            position: try row.number("position"),
            line: try JournalLine(row: row),
            hash: try row.text("hash"),
            run: run
        )
    }
}
