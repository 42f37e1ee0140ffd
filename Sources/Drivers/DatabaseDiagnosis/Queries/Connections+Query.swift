extension Connections {
    static func question(for server: ServerProfile) -> Question {
        // A user who may not look at others sees their rows without kind and state.
        .ask(
            """
            WITH sessions AS MATERIALIZED (
                SELECT * FROM pg_stat_activity WHERE backend_type = 'client backend'
                    OR backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL
            )
            SELECT json_build_object(
                'maximum', current_setting('max_connections')::int,
                'reserved', current_setting('superuser_reserved_connections')::int
                    + coalesce(current_setting('reserved_connections', true)::int, 0),
                'used', (SELECT count(*) FROM sessions),
                'database_limit', d.datconnlimit,
                'database_used', (SELECT count(*) FROM sessions s WHERE s.datid = d.oid),
                'states', (SELECT coalesce(json_agg(s), '[]') FROM (
                    SELECT coalesce(state, 'hidden') AS state, count(*) AS sessions,
                        extract(epoch FROM clock_timestamp() - min(state_change)) AS oldest_seconds
                    FROM sessions GROUP BY 1 ORDER BY 2 DESC, 1
                ) s),
                'groups', (SELECT coalesce(json_agg(g), '[]') FROM (
                    SELECT coalesce(application_name, '') AS application, usename AS user,
                        coalesce(host(client_addr), CASE WHEN client_port = -1 THEN 'local' END) AS client,
                        count(*) AS sessions,
                        count(*) FILTER (WHERE state = 'active') AS active,
                        count(*) FILTER (WHERE state = 'idle') AS idle,
                        count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction,
                        extract(epoch FROM clock_timestamp() - min(backend_start)) AS oldest_seconds
                    FROM sessions WHERE pid <> pg_backend_pid()
                    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1 LIMIT 10
                ) g)
            )::text
            FROM pg_database d WHERE d.datname = current_database()
            """
        )
    }
}
