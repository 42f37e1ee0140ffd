extension Transactions {
    static func question(for server: ServerProfile) -> Question {
        .ask(
            """
            SELECT json_build_object(
                'sessions', (SELECT coalesce(json_agg(s), '[]') FROM (
                    SELECT \(Session.columns)
                    FROM pg_stat_activity a
                    WHERE a.xact_start IS NOT NULL AND a.backend_type = 'client backend'
                        AND a.pid <> pg_backend_pid()
                    ORDER BY a.xact_start LIMIT 20
                ) s),
                'prepared', (SELECT coalesce(json_agg(p), '[]') FROM (
                    SELECT gid AS name, owner, database,
                        extract(epoch FROM clock_timestamp() - prepared) AS seconds
                    FROM pg_prepared_xacts ORDER BY prepared LIMIT 20
                ) p),
                'idle_limit', current_setting('idle_in_transaction_session_timeout')
            )::text
            """
        )
    }
}
