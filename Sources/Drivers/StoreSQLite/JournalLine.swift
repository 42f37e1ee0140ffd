import DeployCore
import DeployPorts
import FoundationEssentials
import SafeFile

/// One row of `events` as it is stored and hashed: texts, not values.
struct JournalLine {
    /// The hash before the first entry.
    static let origin = String(repeating: "0", count: 64)

    let run: String
    let sequence: Int
    let at: Int64
    let fence: Int
    let event: [UInt8]
    let effects: [UInt8]
    let previous: String
    /// SHA-256 of the playbook's text; empty except for a run's first entry.
    let playbook: String

    /// SHA-256 over the previous hash and this line's fields, a line each.
    ///
    /// JSON has no raw line breaks, so no two lines have the same bytes.
    var digest: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(event.count + effects.count + 256)
        for field in [previous, run, "\(sequence)", "\(at)", "\(fence)", playbook] {
            bytes.append(contentsOf: field.utf8)
            bytes.append(0x0A)
        }
        bytes.append(contentsOf: event)
        bytes.append(0x0A)
        bytes.append(contentsOf: effects)
        return Digest.sha256(bytes)
    }

    /// The values; `.unreadable` when this version does not know them.
    func entry(hash: String) throws(RunStoreError) -> JournalEntry {
        do {
            return JournalEntry(
                run: RunID(rawValue: run),
                sequence: sequence,
                event: try JournalCoding.decode(RunEvent.self, from: event),
                effects: try JournalCoding.decode([PendingEffect].self, from: effects),
                fence: fence,
                hash: hash
            )
        } catch {
            throw .unreadable(
                """
                entry \(sequence) of run \(run) says something that this version of bgdeploy does not know; \
                it was written by a later version: use that one
                """
            )
        }
    }
}

/// JSON with sorted keys and plain slashes: the same value always gives the same bytes.
package enum JournalCoding {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(value))
    }

    static func text(_ value: some Encodable) throws -> String {
        String(decoding: try encode(value), as: UTF8.self)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
