import DeployPorts
import Foundation

/// The rows of every table, and a sample of some: what a restored database is held against.
struct TableCensus: Hashable, Codable, Sendable {
    /// By `schema.table`.
    let tables: [String: Entry]

    struct Entry: Hashable, Codable, Sendable {
        var rows: Int
        /// MD5 over the first 1,000 rows in the order of the primary key; `nil` where none was taken.
        var sample: String?
    }

    var rows: Int { tables.values.reduce(0) { $0 + $1.rows } }
    var samples: Int { tables.values.count { $0.sample != nil } }

    /// Counts in `session`, in the transaction that it is in.
    static func take(
        _ session: PsqlSession,
        until end: ContinuousClock.Instant
    ) async throws(StepFailure) -> TableCensus {
        var tables: [String: Entry] = [:]
        for line in try await session.ask(script, until: end) {
            guard let found = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
                throw StepFailure("a count of rows cannot be read: \(line.prefix(200))", isTransient: false)
            }
            if let rows = found.rows { tables[found.table, default: Entry(rows: 0)].rows = rows }
            if let sample = found.sample { tables[found.table, default: Entry(rows: 0)].sample = sample }
        }
        return TableCensus(tables: tables)
    }

    /// What `other`, the restored one, has otherwise; empty when nothing.
    func differences(in other: TableCensus) -> [String] {
        Set(tables.keys).union(other.tables.keys).sorted().compactMap { name in
            guard let expected = tables[name] else { return "\(name): not in the database" }
            guard let found = other.tables[name] else { return "\(name): not restored" }
            guard expected.rows == found.rows else {
                return "\(name): \(found.rows) rows instead of \(expected.rows)"
            }
            return expected.sample == found.sample ? nil : "\(name): other values in its first rows"
        }
    }

    private struct Line: Decodable {
        let table: String
        let rows: Int?
        let sample: String?
    }

    /// Tables that hold rows themselves and that no extension made.
    static let own = """
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relpersistence <> 't'
        and not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
        """

    // The settings are those that the text of a value depends on. The keys of a text sort as bytes, so that
    // another server with another locale finds the same first rows. The alias is one that no column has.
    private static let script = """
        set search_path = pg_catalog; set row_security = off; set client_encoding = 'UTF8';
        set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres';
        set bytea_output = 'hex'; set extra_float_digits = 1; set lc_monetary = 'C';
        select format('select json_build_object(''table'', %L::text, ''rows'', count(*)) from only %I.%I',
            n.nspname || '.' || c.relname, n.nspname, c.relname)
        \(own) and c.relkind = 'r' order by n.nspname collate "C", c.relname collate "C" \\gexec
        select format('select json_build_object(''table'', %L::text, ''sample'', '
            'md5(coalesce(string_agg(md5(bgdeploy_row::text), '''' order by %s), ''''))) '
            'from (select * from only %I.%I bgdeploy_row order by %s limit 1000) bgdeploy_row',
            n.nspname || '.' || c.relname, k.columns, n.nspname, c.relname, k.columns)
        from (select c.oid, c.relname, c.relnamespace \(own) and c.relkind = 'r' and exists (
                select from pg_index i where i.indrelid = c.oid and i.indisprimary)
            order by n.nspname collate "C", c.relname collate "C" limit 20) c
        join pg_namespace n on n.oid = c.relnamespace
        cross join lateral (
            select string_agg(format('bgdeploy_row.%I', a.attname)
                || case when a.attcollation <> 0 then ' collate "C"' else '' end, ', ' order by p.place) as columns
            from pg_index i cross join lateral unnest(i.indkey::int2[]) with ordinality p (number, place)
            join pg_attribute a on a.attrelid = c.oid and a.attnum = p.number
            where i.indrelid = c.oid and i.indisprimary) k \\gexec
        """
}
