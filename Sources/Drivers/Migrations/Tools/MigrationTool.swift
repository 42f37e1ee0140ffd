import DeployCore
import DeployPorts

/// What knows a service's migrations and carries them out: our own runner, or another tool by its commands.
///
/// There is no way down in it: who applies migrations to the production database has nothing to call.
protocol MigrationTool: Sendable {
    /// For people, after `migrate`: `sql migrations`, `alembic alembic.ini`.
    var title: String { get }

    var references: [Reference] { get }

    /// Whether what it does goes on when this process ends.
    var survivesUs: Bool { get }

    /// What is applied and what is pending; looks only, within a minute.
    func outlook(_ database: MigrationDatabase) async throws(StepFailure) -> SchemaOutlook

    /// Applies all that is pending.
    ///
    /// What is done is what the database says afterwards, not what the tool answered: the caller reads the
    /// outlook before and after. Called again after a crash it attaches to what is under way, waits for it, or
    /// finds it done; it never applies a migration twice.
    func up(_ database: MigrationDatabase, _ attempt: StepAttempt) async throws(StepFailure)

    /// Finds out, after a crash, what became of `up`, by looking. Never starts it.
    func reconcile(_ database: MigrationDatabase, _ attempt: StepAttempt) async -> Reconciliation
}

/// Which database, and how long it may be kept waiting.
struct MigrationDatabase: Sendable {
    /// With its password: never shown.
    let url: String
    let values: Values
    let limits: MigrationLimits
}

/// How long users may wait for a migration.
struct MigrationLimits: Hashable, Sendable {
    /// The longest wait for a lock: whoever wants a table waits behind us for as long.
    var lock = Span.seconds(2)
    /// How often a statement that did not get its lock is tried; of our own runner alone, since another tool's
    /// statements are not ours to repeat.
    var lockAttempts = 10
    /// The longest that one statement runs; `nil` for as long as the step may.
    var statement: Span?
}
