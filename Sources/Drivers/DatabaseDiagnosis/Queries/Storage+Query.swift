extension Storage {
    /// The functions that measure a table wait for whoever has it locked: such a table's size is an old one.
    static func question(for server: ServerProfile) -> Question {
        let log = server.seesLogFolder ? "(SELECT sum(size)::bigint FROM pg_ls_waldir())" : "NULL"
        return .ask(
            """
            WITH barred AS MATERIALIZED (
                SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
            ), large AS MATERIALIZED (
                SELECT c.oid, c.relpages, c.reltoastrelid, format('%I.%I', n.nspname, c.relname) AS name,
                    greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::bigint AS rows
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
                ORDER BY greatest(c.relpages, pg_stat_get_live_tuples(c.oid) / 100) DESC LIMIT 30
            ), known AS MATERIALIZED (
                SELECT l.*, EXISTS (
                    SELECT FROM barred b WHERE b.relation IN (l.oid, l.reltoastrelid)
                        OR b.relation IN (SELECT indexrelid FROM pg_index WHERE indrelid = l.oid)
                ) AS estimated
                FROM large l
            ), measured AS MATERIALIZED (
                SELECT name, rows, estimated, coalesce(CASE
                    WHEN estimated THEN relpages::bigint * current_setting('block_size')::int
                    ELSE pg_table_size(oid) END, 0) AS table_bytes,
                coalesce(CASE WHEN estimated THEN (
                    SELECT sum(i.relpages::bigint) * current_setting('block_size')::int
                    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = k.oid
                ) ELSE pg_indexes_size(oid) END, 0) AS index_bytes
                FROM known k
            )
            SELECT json_build_object(
                'databases', (SELECT json_agg(d) FROM (
                    SELECT datname AS name, CASE
                        WHEN has_database_privilege(datname, 'CONNECT')
                            OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
                        THEN pg_database_size(oid) END AS bytes
                    FROM pg_database ORDER BY 2 DESC NULLS LAST
                ) d),
                'log_bytes', \(log),
                'tables', (SELECT coalesce(json_agg(t), '[]') FROM (
                    SELECT * FROM measured ORDER BY table_bytes + index_bytes DESC LIMIT 10
                ) t)
            )::text
            """
        )
    }
}
