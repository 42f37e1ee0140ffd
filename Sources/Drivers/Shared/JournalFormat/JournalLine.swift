import DeployCore
package import DeployPorts
import FoundationEssentials
import SafeFile

/// One row of `events` as it is stored and hashed: texts, not values.
package struct JournalLine: Sendable {
    /// The hash before the first entry.
    package static let origin = String(repeating: "0", count: 64)

    package let run: String
    package let sequence: Int
    package let at: Int64
    package let fence: Int
    package let event: [UInt8]
    package let effects: [UInt8]
    package let previous: String
    /// SHA-256 of the playbook's text; empty except for a run's first entry.
    package let playbook: String

    package init(
        run: String,
        sequence: Int,
        at: Int64,
        fence: Int,
        event: [UInt8],
        effects: [UInt8],
        previous: String,
        playbook: String
    ) {
        self.run = run
        self.sequence = sequence
        self.at = at
        self.fence = fence
        self.event = event
        self.effects = effects
        self.previous = previous
        self.playbook = playbook
    }

    /// SHA-256 over the previous hash and this line's fields, a line each.
    ///
    /// JSON has no raw line breaks, so no two lines have the same bytes.
    package var digest: String {
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
    package func entry(hash: String) throws(RunStoreError) -> JournalEntry {
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

    package static func text(_ value: some Encodable) throws -> String {
        String(decoding: try encode(value), as: UTF8.self)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
