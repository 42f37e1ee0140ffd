import DeployCore
import DeployPorts
import PostgresClient
import SafeFile

/// Our own runner: the plain SQL files of a folder, each applied once, in the order of their names.
///
/// Files that undo are not read, and the part of a file behind `-- migrate:down` is not run.
struct SQLFolder: MigrationTool {
    private static let lookLimit = Duration.seconds(60)

    /// Absolute.
    let folder: String
    let title: String

    init(folder: String, title: String) {
        self.folder = folder
        self.title = title
    }

    var references: [Reference] { [] }

    /// The server rolls back what is open in a session that ends.
    var survivesUs: Bool { false }

    func outlook(_ database: MigrationDatabase) async throws(StepFailure) -> SchemaOutlook {
        let migrations = try await read()
        let connection = try MigrationConnection(database)
        let history: SQLHistory
        do throws(PostgresError) {
            let session = try await connection.open(named: "bgdeploy outlook", within: Self.lookLimit / 2)
            defer { session.close() }
            history = try await SQLHistory.read(session, within: Self.lookLimit / 4)
        } catch {
            throw connection.failure("the database", error)
        }
        let objections = history.objections(to: migrations)
        guard objections.isEmpty else { throw SQLRunner.tampered(objections, connection) }
        return history.outlook(of: migrations)
    }

    func up(_ database: MigrationDatabase, _ attempt: StepAttempt) async throws(StepFailure) {
        try await SQLRunner(database, attempt).apply(try await read())
    }

    /// `neverStarted` wherever `up` may run: it waits for a back-end of ours that is still at work, and goes on
    /// where the history ends.
    func reconcile(_ database: MigrationDatabase, _ attempt: StepAttempt) async -> Reconciliation {
        do throws(StepFailure) {
            let outlook = try await outlook(database)
            guard outlook.pending.isEmpty else { return .neverStarted }
            return .ended(StepResult(summary: "nothing is pending at \(outlook.head ?? "no migration")"))
        } catch {
            return error.isTransient ? .unknown(error.message) : .failed(error)
        }
    }

    private func read() async throws(StepFailure) -> SQLMigrations {
        try await BlockingWork.run { [folder] () throws(StepFailure) in try SQLMigrations(folder: folder) }
    }
}
