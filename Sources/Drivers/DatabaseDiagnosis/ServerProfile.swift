/// What the questions depend on: which server this is, and what its user may see.
package struct ServerProfile: Hashable, Sendable, Decodable {
    package let version: String
    /// 150004 for 15.4.
    let versionNumber: Int
    package let isReplica: Bool
    package let upSeconds: Double
    let database: String
    let userName: String
    /// Whether sessions of others are visible.
    let seesOthers: Bool
    let seesLogFolder: Bool
    /// The schema of `pg_stat_statements`, where it is installed.
    let statementsSchema: String?
    /// As `1.10`.
    let statementsVersion: String?

    static let query = """
        SELECT json_build_object(
            'version', current_setting('server_version'),
            'version_number', current_setting('server_version_num')::int,
            'is_replica', pg_is_in_recovery(),
            'up_seconds', extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()),
            'database', current_database(),
            'user_name', current_user,
            'sees_others', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
            'sees_log_folder', has_function_privilege('pg_ls_waldir()', 'EXECUTE'),
            'statements_schema', (
                SELECT quote_ident(n.nspname) FROM pg_extension e
                JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'
            ),
            'statements_version', (
                SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements'
            )
        )::text
        """

    /// What this user cannot see whatever is asked.
    var unseen: [Unseen] {
        var list: [Unseen] = []
        if versionNumber < 120_000 {
            list.append(
                Unseen(topic: .server, reason: "PostgreSQL \(version): what needs 12 or newer is left out")
            )
        }
        if !seesOthers {
            list.append(
                Unseen(
                    topic: .server,
                    reason: "what other users' sessions do is hidden from \(userName): "
                        + "GRANT pg_monitor TO \(Words.name(userName))"
                )
            )
        }
        return list
    }
}
