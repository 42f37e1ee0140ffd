extension Sequences {
    /// A sequence that somebody alters is left out, since to read it would be to wait for him.
    static func question(for server: ServerProfile) -> Question {
        .ask(
            """
            WITH barred AS MATERIALIZED (
                SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode IN (
                    'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
                )
            ), owned AS MATERIALIZED (
                SELECT s.seqrelid, s.seqmax, format('%I.%I', n.nspname, c.relname) AS name,
                    d.refobjid::regclass::text AS table, quote_ident(a.attname) AS column,
                    format_type(a.atttypid, NULL) AS type
                FROM pg_sequence s
                JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                LEFT JOIN pg_depend d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass
                    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
                LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE NOT s.seqcycle AND s.seqincrement > 0 AND c.relpersistence = 'p'
                    AND has_sequence_privilege(s.seqrelid, 'SELECT,USAGE')
                    AND NOT EXISTS (SELECT FROM barred b WHERE b.relation = s.seqrelid)
            ), used AS MATERIALIZED (
                SELECT name, "table", "column", type, pg_sequence_last_value(seqrelid) AS last, CASE type
                    WHEN 'smallint' THEN least(seqmax, 32767)
                    WHEN 'integer' THEN least(seqmax, 2147483647) ELSE seqmax END AS maximum
                FROM owned
            )
            SELECT json_build_object(
                'sequences', (SELECT coalesce(json_agg(u), '[]') FROM (
                    SELECT * FROM used WHERE last IS NOT NULL AND maximum > 0
                    ORDER BY last::float8 / maximum DESC LIMIT 20
                ) u)
            )::text
            """
        )
    }
}
