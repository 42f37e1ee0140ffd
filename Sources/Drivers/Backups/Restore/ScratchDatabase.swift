import DeployPorts
import Foundation

/// A database of our own on a server, for a restore that nobody else sees.
///
/// Its name begins with ``prefix`` and says when it was made; no other database is ever created, filled or dropped.
/// One that is to stay gets a name that begins otherwise.
struct ScratchDatabase: Sendable {
    static let prefix = "bgdeploy_drill_"
    private static let keptPrefix = "bgdeploy_kept_"
    /// What is older was left behind by a process that died.
    private static let oldAge = Duration.seconds(86_400)

    let server: DatabaseServer
    let kit: PostgresTools.Kit
    /// Of the server.
    let major: Int
    let name: String
    private let owner: String
    private let made: Date

    /// `owner` is the run, or another word that no one else uses: what it left before is dropped.
    init(_ server: DatabaseServer, _ kit: PostgresTools.Kit, major: Int, owner: String, at time: Date) {
        (self.server, self.kit, self.major) = (server, kit, major)
        self.owner = String(BackupName.plain(owner).lowercased().replacing(".", with: "_").prefix(30))
        made = time
        name = "\(Self.prefix)\(BackupName.stamp(time).lowercased())_\(self.owner)"
    }

    /// Drops what was left by dead processes, and creates the database; fails when one of its name exists.
    func create(
        _ locale: DatabaseLocale,
        until end: ContinuousClock.Instant,
        _ report: (String) -> Void
    ) async throws(StepFailure) {
        let session = try PsqlSession(server, kit)
        do throws(StepFailure) {
            let pattern = SQL.text(Self.prefix.replacing("_", with: "\\_") + "%")
            let found = try await session.ask(
                "select datname from pg_database where datname like \(pattern) order by 1;",
                until: end
            )
            for leftover in found where isLeftover(leftover) {
                _ = try await session.ask(dropping(leftover), until: end)
                report("dropped \(leftover), left behind by a restore that was killed")
            }
            _ = try await session.ask("create database \(SQL.name(name)) \(locale.clauses);", until: end)
        } catch {
            await session.end()
            throw advised(error)
        }
        await session.end()
    }

    /// Drops it, though the task may be cancelled; fails when it is still there.
    func drop() async throws(StepFailure) {
        try await tell(dropping(name))
    }

    /// Gives it a name under which nothing drops it, and returns that; nobody may be in it.
    func keep() async throws(StepFailure) -> String {
        let kept = Self.keptPrefix + name.dropFirst(Self.prefix.count)
        do throws(StepFailure) {
            try await tell("alter database \(SQL.name(name)) rename to \(SQL.name(kept));")
        } catch {
            throw StepFailure("cannot be kept as \(kept): \(error.message)", isTransient: error.isTransient)
        }
        return kept
    }

    /// In a session of its own, which a cancelled task does not end.
    private func tell(_ statement: String) async throws(StepFailure) {
        let session = try PsqlSession(server, kit)
        do throws(StepFailure) {
            _ = try await session.ask(statement, until: .now + .seconds(60), heedsCancellation: false)
        } catch {
            await session.end()
            throw error
        }
        await session.end()
    }

    private func dropping(_ database: String) -> String {
        // With the sessions that are in it, since PostgreSQL 13.
        "drop database if exists \(SQL.name(database))\(major >= 13 ? " with (force)" : "");"
    }

    private func isLeftover(_ database: String) -> Bool {
        guard database.hasPrefix(Self.prefix) else { return false }
        let rest = database.dropFirst(Self.prefix.count)
        let style = Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted)
        guard let time = try? Date(rest.prefix(16).uppercased(), strategy: style) else { return false }
        return rest.dropFirst(17) == owner || made.timeIntervalSince(time) > Self.oldAge.inSeconds
    }

    private func advised(_ failure: StepFailure) -> StepFailure {
        guard failure.message.contains("42501") else { return failure }
        let user = server.user.map { SQL.name($0) } ?? "ROLE"
        return StepFailure(
            "\(failure.message)\n  a restore needs a database of its own: `alter role \(user) createdb`, or name "
                + "a server where it may create one",
            isTransient: false
        )
    }
}
