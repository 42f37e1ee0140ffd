package import DeployPorts
import GRDB
import JournalFormat
import SafeFile
import Synchronization

/// The journal in one SQLite file: a write-ahead log, and a disk flush for every append.
///
/// Reading never writes and never flushes: it has a read-only connection of its own. The one that writes is
/// opened by the first write. A writer waits for another one for at most ``patience``.
package final class SQLiteRunStore: RunStore {
    /// How long a foreign lock is waited for, in seconds.
    package static let patience = 3.0

    let file: JournalFile
    let isAlive: @Sendable (LeaseHolder) -> Bool?
    private let reader: DatabaseQueue
    /// Of the file that ``reader`` reads.
    private let identity: [UInt64]?
    private let writer = Mutex(Writer.unopened)

    private enum Writer {
        case unopened
        case open(DatabaseQueue)
        /// The disk failed during a write: only opening the file anew shows what is on it.
        case lost(RunStoreError)
    }

    /// Opens the journal at `path`, and creates it with its folder, for this user alone, if there is none.
    ///
    /// `isAlive` tells whether a lease's holder still runs, `nil` if that cannot be known from here. Throws
    /// `.unavailable` when the file cannot be opened or other users may write it, `.unreadable` when it is no
    /// journal or a later version's.
    package init(
        path: String,
        isAlive: @escaping @Sendable (LeaseHolder) -> Bool? = ProcessIdentity.isAlive
    ) async throws(RunStoreError) {
        let file = JournalFile(path: path)
        self.file = file
        self.isAlive = isAlive
        (reader, identity) = try await BlockingWork.run { () throws(RunStoreError) in
            try file.prepare()
            do {
                let queue = try DatabaseQueue(path: path, configuration: Self.configuration(readonly: true))
                _ = try queue.read { try Self.checkVersion(of: $0, at: path) }
                return (queue, file.identity)
            } catch {
                throw SQLiteProblem(file: file).translated(error)
            }
        }
    }

    private static func configuration(readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.foreignKeysEnabled = !readonly
        configuration.busyMode = .timeout(patience)
        if !readonly {
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        }
        return configuration
    }

    private static func checkVersion(of database: Database, at path: String) throws -> Int {
        let version = try Schema.version(of: database)
        if version > Schema.version {
            throw RunStoreError.unreadable(
                """
                \(path) was written by a later version of bgdeploy (its format is \(version), this one reads \
                \(Schema.version)): use that version; nothing was touched
                """
            )
        }
        if version < Schema.oldest {
            throw RunStoreError.unreadable("\(path) is no journal of bgdeploy: give another path")
        }
        return version
    }

    // MARK: access

    /// The result of `body` on one consistent view of the journal.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(RunStoreError) -> Value {
        try await BlockingWork.run { [reader, file] () throws(RunStoreError) in
            do {
                return try reader.read(body)
            } catch {
                throw SQLiteProblem(file: file).translated(error)
            }
        }
    }

    /// The result of `body` in a transaction that nobody else writes beside; flushed to the disk on return.
    ///
    /// On a full disk the ballast is given up and `body` runs once more. A cancelled task does not cut it short.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(RunStoreError) -> Value {
        try await BlockingWork.run { () throws(RunStoreError) in
            do throws(RunStoreError) {
                return try self.writeOnce(body)
            } catch {
                guard case .full = error, self.file.releaseBallast() else { throw error }
                return try self.writeOnce(body)
            }
        }
    }

    private func writeOnce<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) throws(RunStoreError) -> Value {
        // SQLite would go on writing to a file that has no name any more.
        guard file.identity == identity else {
            throw .unavailable(
                "\(file.path) was removed or replaced while it was in use: put it back, then start anew"
            )
        }
        let problem = SQLiteProblem(file: file)
        do {
            return try openWriter().writeWithoutTransaction { database in
                var value: Value?
                try database.inTransaction(.immediate) {
                    if try Self.checkVersion(of: database, at: file.path) < Schema.version {
                        try Schema.upgrade(database)
                    }
                    value = try body(database)
                    return .commit
                }
                guard let value else { throw RunStoreError.unavailable("\(file.path): nothing was written") }
                return value
            }
        } catch {
            let translated = problem.translated(error)
            if problem.endsConnection(error) { writer.withLock { $0 = .lost(translated) } }
            throw translated
        }
    }

    private func openWriter() throws -> DatabaseQueue {
        try writer.withLock { state in
            switch state {
            case .open(let queue): return queue
            case .lost(let error): throw error
            case .unopened:
                let queue = try DatabaseQueue(
                    path: file.path,
                    configuration: Self.configuration(readonly: false)
                )
                file.keepBallast()
                state = .open(queue)
                return queue
            }
        }
    }
}
