extension Judgement {
    mutating func judgeData(_ statement: Statement) {
        switch statement {
        case .truncate(let tables):
            for table in tables {
                take(.accessExclusive, on: table)
                findDeletion(of: table)
            }
        case .delete(let table, let reach):
            write(table, reach, "DELETE")
            findDeletion(of: table)
        case .update(let table, let columns, let reach, let functions):
            write(table, reach, "UPDATE")
            findCalls(functions)
            guard !columns.allSatisfy({ schema.isNew($0, of: table) }) else { return }
            find(
                .updateRows,
                .compatible,
                "the stable version reads other values in \(table) from now on, after a rollback too"
            )
        case .insert(let table): take(.rowExclusive, on: table)
        case .query(let functions): findCalls(functions)
        case .call(let what): cannotSee(.callsFunction, "the linter does not see what \(what) does")
        default: break
        }
    }

    private mutating func findDeletion(of table: ObjectName) {
        guard !schema.isNew(table), !schema.isEmpty(table) else { return }
        find(
            .deleteRows,
            .depends,
            "rows of \(table) that the stable version may need are gone, after a rollback too"
        )
    }

    /// Who writes the same rows waits until the transaction ends.
    private mutating func write(_ table: ObjectName, _ reach: Reach, _ what: String) {
        guard !isBounded(reach, table) else { return take(.rowExclusive, on: table) }
        take(
            .rowExclusive,
            on: table,
            .long,
            .updateInOne,
            "\(what) keeps every row it writes locked until the transaction ends, perhaps all"
        )
    }

    private func isBounded(_ reach: Reach, _ table: ObjectName) -> Bool {
        switch reach {
        case .limited: true
        case .any: false
        case .bounded(let columns):
            columns.contains("id") || columns.contains("ctid")
                || schema.tables[table]?.constraints.values.contains { constraint in
                    [.primaryKey, .unique].contains(constraint.kind)
                        && columns.isSuperset(of: constraint.columns)
                } == true
        }
    }

    private mutating func findCalls(_ functions: Set<String>) {
        var call = Expression()
        call.functions = functions.subtracting(["setval", "set_config", "count", "sum", "max", "min", "avg"])
        if functions.contains("setval") {
            find(.changeSequence, .depends, "the stable version gets other numbers of the sequence")
        }
        let harmless: Set = [
            "nextval", "random", "gen_random_uuid", "uuid_generate_v4", "clock_timestamp", "generate_series",
            "string_agg", "array_agg", "json_agg", "jsonb_agg", "row_number", "exists", "pg_sleep",
            "pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_unlock", "unnest", "jsonb_set",
            "to_jsonb", "to_json", "currval", "lastval",
        ]
        call.functions.subtract(harmless)
        guard call.isVolatile, let name = call.functions.sorted().first else { return }
        cannotSee(.callsFunction, "the linter does not see what \(name)() does")
    }

    // MARK: settings, locks, upkeep

    mutating func judgeService(_ statement: Statement) {
        switch statement {
        case .set(let name, _, let scope): set(name, scope)
        case .lock(let tables, let level):
            for table in tables where level.blocksUsers {
                take(
                    level,
                    on: table,
                    .long,
                    .explicitLock,
                    "LOCK TABLE makes users wait until the transaction ends, whatever it does, for all"
                )
            }
        case .reindex(let table, let isConcurrent):
            if isConcurrent {
                mustNotBeInTransaction("REINDEX CONCURRENTLY")
            } else if let table {
                take(
                    .shareRowExclusive,
                    on: table,
                    .long,
                    .reindexNotConcurrent,
                    "users wait while indexes are built over all rows"
                )
            } else {
                find(.reindexNotConcurrent, .long, "users wait while indexes are built")
            }
        case .rewrite(let what, let table):
            if let table {
                take(.accessExclusive, on: table, .rewrite, .tableRewrite, "\(what) writes all rows")
            } else {
                find(.tableRewrite, .rewrite, "\(what) writes every table anew while its users wait")
            }
        case .refresh(let view, let isConcurrent):
            guard !isConcurrent else { return take(.rowExclusive, on: view) }
            take(
                .accessExclusive,
                on: view,
                .long,
                .refreshNotConcurrent,
                "readers wait while REFRESH computes all rows"
            )
        default: break
        }
    }

    private mutating func set(_ name: String, _ scope: SettingScope) {
        guard scope != .session, !Self.resources.contains(name) else {
            if scope == .session, name == "session_replication_role" || name == "row_security" {
                find(.tableBehaviour, .unknown, "\(name) switches off what the next statements would meet")
            }
            return
        }
        find(
            .serverSetting,
            Self.meanings.contains(name) ? .depends : .unknown,
            "\(name) of the \(scope.rawValue) holds for the stable version too"
        )
    }

    /// Settings that give more or less of something, and change no answer.
    private static let resources: Set = [
        "work_mem", "maintenance_work_mem", "shared_buffers", "effective_cache_size", "temp_buffers",
        "random_page_cost", "seq_page_cost", "effective_io_concurrency", "max_parallel_workers",
        "max_parallel_workers_per_gather", "max_parallel_maintenance_workers", "max_worker_processes",
        "autovacuum_naptime", "autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor",
        "autovacuum_vacuum_cost_limit", "autovacuum_vacuum_cost_delay", "checkpoint_timeout",
        "checkpoint_completion_target", "max_wal_size", "min_wal_size", "wal_buffers",
        "default_statistics_target", "log_min_duration_statement", "log_statement", "log_lock_waits",
        "log_temp_files", "log_checkpoints", "track_io_timing", "track_functions", "jit",
        "hash_mem_multiplier", "huge_pages",
    ]

    /// Settings by which the same statement is read, answered or refused otherwise.
    private static let meanings: Set = [
        "search_path", "timezone", "datestyle", "intervalstyle", "standard_conforming_strings",
        "bytea_output",
        "default_transaction_read_only", "default_transaction_isolation", "statement_timeout", "lock_timeout",
        "idle_in_transaction_session_timeout", "max_connections", "password_encryption", "row_security",
        "client_encoding", "extra_float_digits", "transform_null_equals", "escape_string_warning", "role",
        "session_replication_role", "ssl", "listen_addresses", "port",
    ]
}
