extension Activity {
    static func question(for server: ServerProfile) -> Question {
        let (timed, requested, view) =
            server.versionNumber >= 170_000
            ? ("num_timed", "num_requested", "pg_stat_checkpointer")
            : ("checkpoints_timed", "checkpoints_req", "pg_stat_bgwriter")
        return .ask(
            """
            SELECT json_build_object(
                'blocks_hit', d.blks_hit, 'blocks_read', d.blks_read,
                'commits', d.xact_commit, 'rollbacks', d.xact_rollback,
                'temp_files', d.temp_files, 'temp_bytes', d.temp_bytes, 'deadlocks', d.deadlocks,
                'checksum_failures', (SELECT sum(checksum_failures)::bigint FROM pg_stat_database),
                'checkpoints_timed', c.\(timed), 'checkpoints_requested', c.\(requested),
                'archive', (SELECT json_build_object(
                    'failed', failed_count, 'last_failed', last_failed_wal,
                    'failing', current_setting('archive_mode') <> 'off'
                        AND coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
                    'seconds', extract(epoch FROM clock_timestamp() - last_failed_time)
                ) FROM pg_stat_archiver),
                'counted_seconds', extract(epoch FROM clock_timestamp() - d.stats_reset)
            )::text
            FROM pg_stat_database d, \(view) c WHERE d.datname = current_database()
            """
        )
    }
}
