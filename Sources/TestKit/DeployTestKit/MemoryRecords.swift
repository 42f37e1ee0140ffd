package import DeployCore
package import DeployPorts
import Synchronization

/// Documents in memory that keep the promises of ``RecordStoreContract``.
package final class MemoryRecords: RecordStore {
    private struct Shelf {
        var records: [Record.Kind: [String: Record]] = [:]
        /// No revision is given twice, also when a document is removed and written anew.
        var lastRevision = 0

        mutating func put(_ kind: Record.Kind, _ key: String, _ value: String, _ due: Timestamp?) -> Record {
            lastRevision += 1
            let record = Record(kind: kind, key: key, value: value, due: due, revision: lastRevision)
            records[kind, default: [:]][key] = record
            return record
        }

        /// Whether it is there as it is known.
        func has(_ record: Record) -> Bool { records[record.kind]?[record.key]?.revision == record.revision }
    }

    private let shelf = Mutex(Shelf())

    package init() {}

    package func insert(
        _ value: String,
        as kind: Record.Kind,
        key: String,
        due: Timestamp?
    ) -> Record? {
        shelf.withLock { $0.records[kind]?[key] == nil ? $0.put(kind, key, value, due) : nil }
    }

    package func record(_ kind: Record.Kind, _ key: String) -> Record? {
        shelf.withLock { $0.records[kind]?[key] }
    }

    package func records(_ kind: Record.Kind, after key: String, limit: Int) -> [Record] {
        let all = shelf.withLock { Array($0.records[kind, default: [:]].values) }
        let later = all.filter { key.utf8.lexicographicallyPrecedes($0.key.utf8) }
        return Array(later.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.prefix(limit))
    }

    package func replace(_ record: Record, with value: String, due: Timestamp?) -> Record? {
        shelf.withLock { $0.has(record) ? $0.put(record.kind, record.key, value, due) : nil }
    }

    package func remove(_ record: Record) -> Bool {
        shelf.withLock { shelf in
            guard shelf.has(record) else { return false }
            shelf.records[record.kind]?[record.key] = nil
            return true
        }
    }

    package func claim(
        _ kind: Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) -> [Record] {
        shelf.withLock { shelf in
            let due = shelf.records[kind, default: [:]].values.compactMap { record in
                record.due.flatMap { $0 <= now ? (record, $0) : nil }
            }
            let earliest = due.sorted { ($0.1, $0.0.key) < ($1.1, $1.0.key) }.prefix(limit)
            return earliest.map { record, _ in shelf.put(kind, record.key, record.value, until) }
        }
    }
}
