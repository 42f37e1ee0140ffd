import DeployPorts

/// The back-ends of a database that a migration of ours has left at work, as after its process was killed.
enum BackendsAtWork {
    /// Fails when there is one: a second migration beside it could do everything twice.
    ///
    /// Only those count that hold or wait for a table's lock which no look takes.
    static func refuse(on database: MigrationDatabase, _ title: String) async throws(StepFailure) {
        // Other databases are brought forward by tools too, and cannot be asked.
        guard let scheme = DatabaseURL(database.url)?.scheme, scheme.hasPrefix("postgres") else { return }
        let answer = try await PostgresLook.row(statement, on: database, title)
        guard let text = answer.first ?? nil else { return }
        throw StepFailure(
            "\(title): an earlier migration is still at work in the database (\(text)); nothing was started "
                + "beside it. It is finished when that back-end has ended"
        )
    }

    private static let statement = """
        SELECT string_agg('back-end ' || a.pid || ' since ' || to_char(a.query_start, 'HH24:MI:SS'), ', ')
        FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.application_name LIKE 'bgdeploy %'
          AND a.pid <> pg_backend_pid()
          AND EXISTS (
            SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation'
              AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
          )
        """
}
