extension Replication {
    static func question(for server: ServerProfile) -> Question {
        let here =
            server.isReplica
            ? "coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())" : "pg_current_wal_lsn()"
        let status = server.versionNumber >= 130_000 ? "wal_status" : "NULL"
        return .ask(
            """
            SELECT json_build_object(
                'replicas', (SELECT coalesce(json_agg(r), '[]') FROM (
                    SELECT pid, application_name AS name, state, sync_state,
                        coalesce(host(client_addr), CASE WHEN client_port = -1 THEN 'local' END) AS client,
                        pg_wal_lsn_diff(\(here), replay_lsn)::bigint AS lag_bytes,
                        extract(epoch FROM replay_lag) AS lag_seconds
                    FROM pg_stat_replication ORDER BY replay_lsn LIMIT 50
                ) r),
                'slots', (SELECT coalesce(json_agg(s), '[]') FROM (
                    SELECT slot_name AS name, slot_type AS kind, active, \(status) AS wal_status,
                        greatest(pg_wal_lsn_diff(\(here), restart_lsn), 0)::bigint AS retained_bytes,
                        greatest(age(xmin), age(catalog_xmin)) AS held_transactions
                    FROM pg_replication_slots WHERE NOT temporary ORDER BY restart_lsn LIMIT 50
                ) s),
                'synchronous', current_setting('synchronous_standby_names'),
                'own', \(server.isReplica ? own : "NULL")
            )::text
            """
        )
    }

    private static let own = """
        (SELECT json_build_object(
            'receiver', (SELECT coalesce(status, 'streaming') FROM pg_stat_wal_receiver),
            'receiver_silent_seconds', (
                SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) FROM pg_stat_wal_receiver
            ),
            'replay_seconds', extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()),
            'lag_bytes', pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint,
            'paused', pg_is_wal_replay_paused(),
            'restores', current_setting('restore_command') <> ''
        ))
        """
}
