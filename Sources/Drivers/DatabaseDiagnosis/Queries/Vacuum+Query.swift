extension Vacuum {
    static func question(for server: ServerProfile) -> Question {
        guard !server.isReplica else { return .skip("a replica counts no dead rows: ask its primary") }
        return .ask(
            """
            WITH tables AS MATERIALIZED (
                SELECT format('%I.%I', s.schemaname, s.relname) AS name, s.n_live_tup AS live,
                    s.n_dead_tup AS dead,
                    c.relpages::bigint * current_setting('block_size')::int AS bytes,
                    extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))
                        AS vacuumed_seconds,
                    extract(epoch FROM clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze))
                        AS analyzed_seconds,
                    coalesce(c.reloptions && ARRAY[
                        'autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0'
                    ], false) AS off
                FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid
                WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
            )
            SELECT json_build_object(
                'tables', (SELECT coalesce(json_agg(t), '[]') FROM (
                    SELECT * FROM tables WHERE dead > 0 ORDER BY dead DESC LIMIT 10
                ) t),
                'unknown', (SELECT coalesce(json_agg(t.name), '[]') FROM (
                    SELECT name FROM tables
                    WHERE live >= 10000 AND analyzed_seconds IS NULL ORDER BY live DESC LIMIT 20
                ) t),
                'autovacuum', current_setting('autovacuum')::bool,
                'counting', current_setting('track_counts')::bool
            )::text
            """
        )
    }
}
