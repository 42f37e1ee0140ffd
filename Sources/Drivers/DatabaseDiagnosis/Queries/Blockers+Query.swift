extension Blockers {
    static func question(for server: ServerProfile) -> Question {
        let since = server.versionNumber >= 140_000 ? "coalesce(l.waitstart, a.query_start)" : "a.query_start"
        return .ask(
            """
            WITH locks AS MATERIALIZED (
                SELECT * FROM pg_locks WHERE NOT granted ORDER BY pid LIMIT 200
            ), waits AS MATERIALIZED (
                SELECT DISTINCT ON (l.pid) l.pid, pg_blocking_pids(l.pid) AS blockers, l.mode,
                    CASE WHEN l.locktype <> 'relation' THEN replace(l.locktype, 'transactionid', 'a row')
                        WHEN l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        THEN l.relation::regclass::text END AS target,
                    extract(epoch FROM clock_timestamp() - \(since)) AS seconds
                FROM locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
                ORDER BY l.pid
            ), involved AS (
                SELECT pid FROM waits UNION SELECT unnest(blockers) FROM waits
            )
            SELECT json_build_object(
                'waits', (SELECT coalesce(json_agg(w), '[]') FROM waits w),
                'sessions', (SELECT coalesce(json_agg(s), '[]') FROM (
                    SELECT \(Session.columns)
                    FROM pg_stat_activity a WHERE a.pid IN (SELECT pid FROM involved)
                ) s),
                'prepared', (
                    SELECT coalesce(json_agg(p.gid), '[]') FROM pg_prepared_xacts p
                    WHERE 0 IN (SELECT pid FROM involved)
                )
            )::text
            """
        )
    }
}
