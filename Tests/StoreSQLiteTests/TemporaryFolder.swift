import Foundation
import GRDB

/// A folder of its own for one test, removed with the last reference.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/bgdeploy-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var journal: String { path + "/state/journal.db" }

    /// The journal as another program sees it, such as the `sqlite3` shell.
    func foreign(_ statements: String) throws {
        try foreignQueue().writeWithoutTransaction { try $0.execute(sql: statements) }
    }

    func foreignQueue() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
        return try DatabaseQueue(path: journal, configuration: configuration)
    }
}
