extension Statements {
    private static let missing = """
        pg_stat_statements is not installed, so past statements are unknown: add it to \
        shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements
        """

    static func question(for server: ServerProfile) -> Question {
        guard let schema = server.statementsSchema else { return .skip(missing) }
        let version = (server.statementsVersion ?? "").split(separator: ".").compactMap { Int($0) }
        // Planning has a time of its own since 1.8.
        let time = [1, 8].lexicographicallyPrecedes(version + [0]) ? "total_exec_time" : "total_time"
        return .ask(
            """
            WITH statements AS MATERIALIZED (SELECT * FROM \(schema).pg_stat_statements)
            SELECT json_build_object(
                'statements', (SELECT coalesce(json_agg(t), '[]') FROM (
                    SELECT left(coalesce(query, ''), 400) AS query, calls, \(time) / 1000 AS seconds, rows,
                        \(time) / nullif((SELECT sum(\(time)) FROM statements), 0) AS share,
                        shared_blks_hit::float8 / nullif(shared_blks_hit + shared_blks_read, 0) AS hit_share
                    FROM statements
                    WHERE query NOT LIKE '\(Inquiry.mark)%'
                        AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                    ORDER BY \(time) DESC LIMIT 10
                ) t)
            )::text
            """
        )
    }
}
