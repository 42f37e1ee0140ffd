extension Indexes {
    static func question(for server: ServerProfile) -> Question {
        .ask(
            """
            WITH indexes AS MATERIALIZED (
                SELECT x.*, format('%I.%I', n.nspname, i.relname) AS name, c.oid::regclass::text AS table,
                    x.indisunique AS unique,
                    i.relpages::bigint * current_setting('block_size')::int AS bytes
                FROM pg_index x
                JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
                JOIN pg_class c ON c.oid = x.indrelid
                WHERE i.relkind = 'i' AND i.relpersistence <> 't'
                    AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
            )
            SELECT json_build_object(
                'invalid', (SELECT coalesce(json_agg(v), '[]') FROM (
                    SELECT name, "table", "unique", bytes FROM indexes
                    WHERE NOT (indisvalid AND indisready AND indislive) AND NOT EXISTS (
                        SELECT FROM pg_stat_progress_create_index p
                        WHERE p.index_relid = indexrelid OR p.relid = indrelid
                    )
                    ORDER BY bytes DESC LIMIT 50
                ) v),
                'unused', (SELECT coalesce(json_agg(u), '[]') FROM (
                    SELECT name, "table", "unique", bytes FROM indexes
                    WHERE NOT indisunique AND indisvalid AND pg_stat_get_numscans(indexrelid) = 0
                        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = indexrelid)
                    ORDER BY bytes DESC LIMIT 20
                ) u),
                'counted_seconds', (
                    SELECT extract(epoch FROM clock_timestamp() - stats_reset)
                    FROM pg_stat_database WHERE datname = current_database()
                )
            )::text
            """
        )
    }
}
