import DeployPorts
import FoundationEssentials
import GRDB

/// GRDB's own subscripts end the process on a value of another kind, which a damaged file may hold.
extension Row {
    func text(_ column: String) throws -> String { try value(column) }
    func number(_ column: String) throws -> Int { try value(column) }
    func bytes(_ column: String) throws -> [UInt8] { [UInt8](try value(column) as Data) }
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
        run = try row.text("run")
        sequence = try row.number("sequence")
        at = Int64(try row.number("at"))
        fence = try row.number("fence")
        event = try row.bytes("event")
        effects = try row.bytes("effects")
        previous = try row.text("previous")
        playbook = row.optionalText("playbook") ?? ""
    }
}
