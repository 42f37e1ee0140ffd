import DeployPorts

/// A database that is proven not to be the one that users are on: nothing else can be migrated down.
struct RehearsalDatabase: Sendable {
    let database: MigrationDatabase

    private init(_ database: MigrationDatabase) { self.database = database }

    /// Asks both servers who they are, and the tool whether it takes its database from us.
    ///
    /// Fails when it is the same cluster and the same name, whatever the URLs say, when one of the two does not
    /// answer, and when the tool would go to another database than the one that it is given. Changes nothing.
    static func prove(
        _ database: MigrationDatabase,
        isNot production: MigrationDatabase,
        for tool: any MigrationTool
    ) async throws(StepFailure) -> RehearsalDatabase {
        let here = try await identity(of: database, "the rehearsal's database")
        let there = try await identity(of: production, "the database that users are on")
        guard here != there else {
            throw StepFailure(
                "rehearse: `database` is the one that `apply` names (system identifier and name \(here)): a "
                    + "rehearsal may go down, and the database that users are on is never migrated down. "
                    + "Nothing was run; give it a database of its own",
                isTransient: false
            )
        }
        if let tool = tool as? any TargetProof { try await tool.refuseAnotherTarget(than: database) }
        return RehearsalDatabase(database)
    }

    /// Of the cluster, as `initdb` made it, and the database's name.
    private static func identity(
        of database: MigrationDatabase,
        _ title: String
    ) async throws(StepFailure) -> String {
        let statement = """
            SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || current_database()
            """
        guard let identity = try await PostgresLook.row(statement, on: database, title).first ?? nil else {
            throw StepFailure("rehearse: \(title) does not say which it is", isTransient: false)
        }
        return identity
    }
}

/// A tool that could be set to another database than the one that it is given.
protocol TargetProof {
    /// Fails when it would take its database from elsewhere; looks only.
    func refuseAnotherTarget(than database: MigrationDatabase) async throws(StepFailure)
}

extension CommandTool: TargetProof {
    /// A tool that answers for a database that cannot be there has asked another one.
    func refuseAnotherTarget(than database: MigrationDatabase) async throws(StepFailure) {
        let scheme = DatabaseURL(database.url)?.scheme ?? "postgresql"
        let nowhere = MigrationDatabase(
            // The port tcpmux, on which nothing listens.
            url: "\(scheme)://nobody:nothing@127.0.0.1:1/nowhere",
            values: database.values,
            limits: database.limits
        )
        do throws(StepFailure) {
            _ = try await outlook(nowhere)
        } catch {
            return
        }
        throw StepFailure(
            "rehearse: \(title) answers for a database that is not there: it does not take its database from "
                + "the variable DATABASE_URL, and what it would have migrated is not known. Nothing was run; "
                + "let its settings read DATABASE_URL",
            isTransient: false
        )
    }
}
