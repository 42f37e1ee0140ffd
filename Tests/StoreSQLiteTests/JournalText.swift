import GRDB
import SafeFile

/// An entry as another version of the program might write it, put at the chain's end by hand.
struct JournalText {
    let run: String
    let sequence: Int
    let fence: Int
    let event: String

    func insert(into folder: TemporaryFolder) throws {
        try folder.foreignQueue().write { database in
            let end = try Row.fetchOne(database, sql: "SELECT position, hash FROM chain")
            let position: Int = (end?["position"] ?? 0) + 1
            let previous: String = end?["hash"] ?? ""
            let lines = [previous, run, "\(sequence)", "1", "\(fence)", "", event, "[]"]
            let hash = Digest.sha256(Array(lines.joined(separator: "\n").utf8))
            try database.execute(
                sql: "INSERT INTO events VALUES (?, ?, ?, 1, ?, ?, '[]', ?, ?)",
                arguments: [position, run, sequence, fence, event, previous, hash]
            )
            try database.execute(
                sql: "UPDATE chain SET position = ?, hash = ?",
                arguments: [position, hash]
            )
        }
    }
}
