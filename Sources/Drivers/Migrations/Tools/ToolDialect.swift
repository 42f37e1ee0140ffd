import DeployPorts

/// What one migration tool is called with, and in which words it says what a database has.
protocol ToolDialect: Sendable {
    /// For people, after `migrate`: `alembic alembic.ini`.
    var title: String { get }

    /// What its arguments refer to.
    var references: [Reference] { get }

    /// The arguments that apply all that is pending.
    func up(_ values: Values) throws(StepFailure) -> [String]

    /// How the tool takes its database, beside `DATABASE_URL`, and under which name; `nil` for a URL that
    /// it cannot be told.
    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]?

    /// What is applied and pending, by asking the tool.
    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook
}

extension ToolDialect {
    var references: [Reference] { [] }
    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]? { [:] }
}
