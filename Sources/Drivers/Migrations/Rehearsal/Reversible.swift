import DeployPorts

/// A tool that can bring a rehearsal's database back down.
///
/// Only the rehearsal knows it, and only a ``RehearsalDatabase`` can be brought down: the steps that act on the
/// database that users are on have nothing to call.
protocol Reversible: MigrationTool {
    /// The names of those of `migrations` that have no way down.
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String]

    /// Undoes all that was applied after `head`; `nil` is before the first.
    ///
    /// As with `up`, what is done is what the database says afterwards.
    func down(
        to head: String?,
        _ database: RehearsalDatabase,
        _ attempt: StepAttempt
    ) async throws(StepFailure)
}

/// The commands by which a tool goes down.
protocol ReversibleDialect: ToolDialect {
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String]
    func down(to head: String?, _ values: Values) throws(StepFailure) -> [String]
}

extension CommandTool: Reversible where Dialect: ReversibleDialect {
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String] {
        dialect.irreversible(among: migrations)
    }

    func down(
        to head: String?,
        _ database: RehearsalDatabase,
        _ attempt: StepAttempt
    ) async throws(StepFailure) {
        let arguments = try dialect.down(to: head, database.database.values)
        try await carryOut(arguments, database.database, attempt)
    }
}

extension AlembicDialect: ReversibleDialect {
    /// An empty `downgrade` shows itself by what it leaves behind.
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String] { [] }

    func down(to head: String?, _ values: Values) -> [String] {
        command + ["downgrade", head ?? "base"]
    }
}

extension CommandDialect: ReversibleDialect {
    func irreversible(among migrations: [SchemaOutlook.Migration]) -> [String] {
        down == nil ? [title] : []
    }

    /// The head goes in as the variable `BGDEPLOY_HEAD`, empty for none.
    func down(to head: String?, _ values: Values) throws(StepFailure) -> [String] {
        try ["/usr/bin/env", "BGDEPLOY_HEAD=\(head ?? "")"] + Self.resolved(down ?? [], values)
    }
}
