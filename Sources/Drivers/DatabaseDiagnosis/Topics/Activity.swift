/// What the counters of this database and of the server tell.
struct Activity: Examination {
    static let topic = Topic.activity
    /// Fewer blocks, commits or checkpoints tell nothing.
    private static let enoughBlocks = 1_000_000
    private static let enoughTransactions = 10_000
    private static let enoughCheckpoints = 20

    struct Archive: Hashable, Sendable, Decodable {
        let failed: Int
        /// Whether the last try failed.
        let failing: Bool
        let lastFailed: String?
        let seconds: Double?
    }

    let blocksHit: Int
    let blocksRead: Int
    let commits: Int
    let rollbacks: Int
    let tempFiles: Int
    let tempBytes: Int
    let deadlocks: Int
    let checksumFailures: Int?
    let checkpointsTimed: Int
    let checkpointsRequested: Int
    let archive: Archive?
    /// Since the database's counters began; `nil` when they were never reset.
    let countedSeconds: Double?

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let findings = [corruption, archiving, cache, aborted, locks, checkpoints, spilled].compactMap { $0 }
        let hit = hitShare.map { ", cache hit \(Words.percent($0))" } ?? ""
        let figures =
            "\(Words.count(commits, "commit")), \(Words.count(rollbacks, "rollback")), "
            + "\(Words.count(deadlocks, "deadlock")), \(Words.count(tempFiles, "temporary file")) "
            + "(\(Words.bytes(tempBytes))), "
            + "\(Words.count(checkpointsTimed + checkpointsRequested, "checkpoint")) "
            + "(\(checkpointsRequested) forced)\(hit)"
        return TopicReport(findings: findings + [.ok(.activity, "counted \(time): \(figures)")])
    }

    private var time: String { countedSeconds.map { "for \(Words.seconds($0))" } ?? "since the beginning" }

    /// A day at least: a rate over a shorter time is chance.
    private var days: Double? { countedSeconds.map { max(1, $0 / 86_400) } }

    private var hitShare: Double? {
        let all = blocksHit + blocksRead
        return all == 0 ? nil : Double(blocksHit) / Double(all)
    }

    private var corruption: Finding? {
        guard let checksumFailures, checksumFailures > 0 else { return nil }
        return Finding(
            severity: .bad,
            topic: .activity,
            seen: Words.count(checksumFailures, "block") + " with a wrong checksum",
            why: "data on disk is damaged: disk, memory or file system is failing",
            remedies: [
                Remedy(
                    "keep the data folder as it is, fail over to a replica, restore from a backup beside it"
                )
            ]
        )
    }

    private var archiving: Finding? {
        guard let archive, archive.failing else { return nil }
        let since = archive.seconds.map { ", \(Words.seconds($0)) ago" } ?? ""
        return Finding(
            severity: .bad,
            topic: .activity,
            seen:
                "archiving fails: \(Words.count(archive.failed, "time")), last "
                + "\(archive.lastFailed ?? "?")\(since)",
            why: "backups have a gap from here on, and the log is kept until the disk is full",
            remedies: [
                Remedy("the server's log has the command's words; the command is"),
                Remedy("look at it", sql: "SHOW archive_command"),
            ]
        )
    }

    private var cache: Finding? {
        guard let share = hitShare, blocksHit + blocksRead >= Self.enoughBlocks, share < 0.9 else {
            return nil
        }
        return Finding(
            severity: .warn,
            topic: .activity,
            seen: "only \(Words.percent(share)) of all blocks were found in shared_buffers",
            why: "the rest came from the operating system or the disk; large scans are the usual reason",
            remedies: [
                Remedy("look for scans of whole tables in the slow statements"),
                Remedy("a quarter of the memory is usual for", sql: "SHOW shared_buffers"),
            ]
        )
    }

    private var aborted: Finding? {
        let all = commits + rollbacks
        guard all >= Self.enoughTransactions, Double(rollbacks) > 0.2 * Double(all) else { return nil }
        return Finding(
            severity: .warn,
            topic: .activity,
            seen: "\(Words.percent(Double(rollbacks) / Double(all))) of all transactions were rolled back",
            why: "the application fails often, or a driver ends each read with a rollback",
            remedies: [Remedy("the server's log has the errors")]
        )
    }

    private var locks: Finding? {
        guard deadlocks > 0, let days, Double(deadlocks) / days >= 10 else { return nil }
        return Finding(
            severity: .warn,
            topic: .activity,
            seen:
                "\(Words.count(deadlocks, "deadlock")), \(Words.count(Int(Double(deadlocks) / days))) a day",
            why: "each is an error that a user may have seen",
            remedies: [Remedy("the server's log has both statements; change rows in one order everywhere")]
        )
    }

    private var checkpoints: Finding? {
        let all = checkpointsTimed + checkpointsRequested
        guard all >= Self.enoughCheckpoints, checkpointsRequested * 2 > all else { return nil }
        return Finding(
            severity: .warn,
            topic: .activity,
            seen:
                "\(Words.percent(Double(checkpointsRequested) / Double(all))) of "
                + Words.count(all, "checkpoint")
                + " were forced",
            why: "the log fills before its time: bursts of writing that slow everybody down",
            remedies: [Remedy("raise it", sql: "ALTER SYSTEM SET max_wal_size = '4GB'")]
        )
    }

    private var spilled: Finding? {
        guard let days, Double(tempBytes) / days >= Double(10 << 30) else { return nil }
        return Finding(
            severity: .warn,
            topic: .activity,
            seen: "\(Words.bytes(Int(Double(tempBytes) / days))) of temporary files a day",
            why: "sorts and hashes do not fit into work_mem and go to the disk",
            remedies: [
                Remedy(
                    "find who writes them, in the server's log",
                    sql: "ALTER SYSTEM SET log_temp_files = '64MB'"
                )
            ]
        )
    }
}
