/// The one question that is asked of a database's catalogue, and answered as one JSON document.
enum CatalogueQuery {
    static let text = """
        WITH spaces AS (
            SELECT oid, nspname FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        ), tables AS (
            SELECT json_agg(json_build_object(
                'schema', s.nspname, 'name', c.relname, 'rows', c.reltuples::bigint,
                'bytes', CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) END,
                'empty', c.relkind IN ('r', 'm') AND pg_relation_size(c.oid) = 0,
                'columns', (
                    SELECT json_agg(json_build_object(
                        'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                        'notNull', a.attnotnull,
                        'hasValue', a.atthasdef OR a.attidentity <> ''
                    ) ORDER BY a.attnum)
                    FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                )
            )) AS list
            FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        ), constraints AS (
            SELECT json_agg(json_build_object(
                'schema', s.nspname, 'table', c.relname, 'name', k.conname, 'kind', k.contype,
                'validated', k.convalidated, 'expression', pg_get_expr(k.conbin, k.conrelid),
                'otherSchema', os.nspname, 'other', o.relname,
                'columns', (
                    SELECT json_agg(a.attname) FROM pg_attribute a
                    WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
                )
            )) AS list
            FROM pg_constraint k
            JOIN pg_class c ON c.oid = k.conrelid
            JOIN spaces s ON s.oid = c.relnamespace
            LEFT JOIN pg_class o ON o.oid = k.confrelid
            LEFT JOIN pg_namespace os ON os.oid = o.relnamespace
            WHERE k.contype IN ('c', 'f', 'u', 'p', 'x')
        ), indexes AS (
            SELECT json_agg(json_build_object(
                'schema', s.nspname, 'name', i.relname, 'table', c.relname, 'unique', x.indisunique
            )) AS list
            FROM pg_index x
            JOIN pg_class i ON i.oid = x.indexrelid
            JOIN pg_class c ON c.oid = x.indrelid
            JOIN spaces s ON s.oid = i.relnamespace
        ), routines AS (
            SELECT json_agg(json_build_object(
                'schema', s.nspname, 'name', p.proname,
                'parameters', (
                    SELECT json_agg(format_type(t.type, NULL) ORDER BY t.place)
                    FROM unnest(p.proargtypes) WITH ORDINALITY AS t(type, place)
                ),
                'definition', CASE
                    WHEN p.prorettype = 'trigger'::regtype AND l.lanname = 'plpgsql'
                    THEN pg_get_functiondef(p.oid) END,
                'isTrigger', p.prorettype = 'trigger'::regtype
            )) AS list
            FROM pg_proc p
            JOIN spaces s ON s.oid = p.pronamespace
            JOIN pg_language l ON l.oid = p.prolang
            WHERE p.prokind <> 'a'
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        ), domains AS (
            SELECT json_agg(json_build_object('schema', s.nspname, 'name', t.typname)) AS list
            FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
            WHERE t.typtype = 'd' AND (t.typnotnull OR EXISTS (
                SELECT FROM pg_constraint k
                WHERE k.contypid = t.oid AND pg_get_constraintdef(k.oid) ~* 'not null|coalesce|distinct'
            ))
        )
        SELECT json_build_object(
            'tables', tables.list, 'constraints', constraints.list, 'indexes', indexes.list,
            'routines', routines.list, 'strictDomains', domains.list
        )::text
        FROM tables, constraints, indexes, routines, domains
        """
}
