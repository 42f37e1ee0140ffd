extension Wraparound {
    static func question(for server: ServerProfile) -> Question {
        .ask(
            """
            SELECT json_build_object(
                'databases', (SELECT json_agg(d) FROM (
                    SELECT datname AS name, age(datfrozenxid) AS transactions,
                        mxid_age(datminmxid) AS multixacts
                    FROM pg_database ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC LIMIT 5
                ) d),
                'tables', (SELECT coalesce(json_agg(t), '[]') FROM (
                    SELECT format('%I.%I', n.nspname, c.relname) AS name,
                        greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) AS age
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'm', 't') ORDER BY 2 DESC LIMIT 3
                ) t)
            )::text
            """
        )
    }
}
