import DeployPorts

/// What a schema consists of, as lines that can be compared: tables, columns, constraints, indexes and what
/// hangs on them.
struct SchemaPicture: Hashable, Codable, Sendable {
    let lines: [String]

    init(lines: [String]) { self.lines = lines }

    /// Reads the catalogue; the tables in which tools keep their accounts are left out.
    init(of database: MigrationDatabase) async throws(StepFailure) {
        let text = try await PostgresLook.row(Self.query, on: database, "the schema").first ?? nil
        lines = (text ?? "").split(separator: "\n").map(String.init)
    }

    /// What `other` has more, after `+`, and less, after `-`; at most `limit` of them.
    func differences(to other: SchemaPicture, limit: Int = 20) -> [String] {
        let (old, new) = (Set(lines), Set(other.lines))
        let all =
            new.subtracting(old).sorted().map { "  + \($0)" }
            + old.subtracting(new).sorted().map { "  - \($0)" }
        guard all.count > limit else { return all }
        return all.prefix(limit) + ["  … and \(all.count - limit) more"]
    }

    private static let query = """
        WITH tables AS (
            SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
              AND c.relname NOT IN (
                'bgdeploy_migrations', 'alembic_version', 'flyway_schema_history', 'django_migrations',
                'schema_migrations', 'ar_internal_metadata'
              )
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        ), lines AS (
            SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'view ' WHEN 'S' THEN 'sequence '
                ELSE 'table ' END || name
                || CASE WHEN relkind IN ('v', 'm') THEN ' as ' || pg_get_viewdef(oid) ELSE '' END AS line
            FROM tables
            UNION ALL
            SELECT format('column %s.%I %s%s%s', t.name, a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
            FROM tables t
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
            WHERE t.relkind <> 'S'
            UNION ALL
            SELECT format('constraint %s.%I %s', t.name, k.conname, pg_get_constraintdef(k.oid))
            FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
            UNION ALL
            SELECT pg_get_indexdef(x.indexrelid) || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END
            FROM tables t JOIN pg_index x ON x.indrelid = t.oid
            UNION ALL
            SELECT pg_get_triggerdef(g.oid) FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid
            WHERE NOT g.tgisinternal
            UNION ALL
            SELECT format('enum %s: %s', e.enumtypid::regtype, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
            FROM pg_enum e GROUP BY e.enumtypid
            UNION ALL
            SELECT format('function %s %s', p.oid::regprocedure, md5(pg_get_functiondef(p.oid)))
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND p.prokind <> 'a'
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        )
        SELECT string_agg(regexp_replace(line, '\\s+', ' ', 'g'), E'\\n') FROM lines
        """
}
