/// How far replicas are behind, and what the server keeps for them.
struct Replication: Examination {
    static let topic = Topic.replication

    struct Replica: Hashable, Sendable, Decodable {
        let pid: Int
        let name: String?
        let client: String?
        /// `nil` where it is hidden.
        let state: String?
        let syncState: String?
        let lagBytes: Int?
        /// `nil` when nothing was written lately.
        let lagSeconds: Double?
    }

    struct Slot: Hashable, Sendable, Decodable {
        let name: String
        let kind: String
        let active: Bool
        let retainedBytes: Int?
        /// `reserved`, `extended`, `unreserved` or `lost`; `nil` before 13.
        let walStatus: String?
        /// Transactions since the oldest snapshot that it holds.
        let heldTransactions: Int?
    }

    /// What a replica knows of itself.
    struct Own: Hashable, Sendable, Decodable {
        /// `nil` when nothing is received from a primary.
        let receiver: String?
        let receiverSilentSeconds: Double?
        let replaySeconds: Double?
        let lagBytes: Int?
        let paused: Bool
        let restores: Bool
    }

    let replicas: [Replica]
    let slots: [Slot]
    /// `synchronous_standby_names`, empty when no commit waits for a replica.
    let synchronous: String
    let own: Own?

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        var findings = replicas.compactMap { finding($0, thresholds) }
        findings += slots.compactMap { finding($0, thresholds) }
        if let own { findings.append(finding(own, thresholds)) }
        let syncStates = replicas.map(\.syncState)
        if !synchronous.isEmpty, !server.isReplica, !syncStates.contains(nil),
            !syncStates.contains("sync"), !syncStates.contains("quorum")
        {
            findings.append(nobodyConfirms)
        }
        if !findings.contains(where: { $0.severity > .ok }) {
            findings.append(
                .ok(
                    .replication,
                    replicas.isEmpty && slots.isEmpty
                        ? "replicas: none connected"
                        : "replicas: \(replicas.count) connected, \(Words.count(slots.count, "slot"))"
                )
            )
        }
        return TopicReport(findings: findings, listings: [listing])
    }

    private var nobodyConfirms: Finding {
        Finding(
            severity: .bad,
            topic: .replication,
            seen:
                "synchronous_standby_names is \(Words.literal(synchronous)), and no such replica is here",
            why: "every commit waits for a confirmation that nobody gives",
            remedies: [
                Remedy(
                    "bring the replica back; or, if losing the latest commits with the primary is acceptable,"
                ),
                Remedy("stop waiting", sql: "ALTER SYSTEM SET synchronous_standby_names = ''"),
                Remedy("and put it into force", sql: "SELECT pg_reload_conf()"),
            ]
        )
    }

    private func finding(_ replica: Replica, _ thresholds: Thresholds) -> Finding? {
        guard let state = replica.state, state != "backup" else { return nil }
        let name = (replica.name ?? "?") + (replica.client.map { " at \($0)" } ?? "")
        // Without a time there was nothing to confirm lately, or the replica confirms nothing.
        let byTime = thresholds.replicaLag.severity(of: replica.lagSeconds ?? 0)
        let byBytes = thresholds.replicaLagBytes.severity(of: Double(replica.lagBytes ?? 0))
        let severity = max(byTime, byBytes, state == "streaming" ? .ok : .warn)
        guard severity > .ok else { return nil }
        let time = replica.lagSeconds.map { Words.seconds($0) + " and " } ?? ""
        let amount = replica.lagBytes.map { Words.bytes($0) } ?? "an unknown amount"
        return Finding(
            severity: severity,
            topic: .replication,
            seen: "replica \(name) is \(time)\(amount) behind (\(state))",
            why: "who reads from it sees the past, and a failover now would lose or wait for that much",
            remedies: [
                Remedy(
                    "look at its load, disk and network; on the replica a long query may hold replay back"
                ),
                Remedy(
                    "on the replica, what runs there",
                    sql: "SELECT pid, query_start, query FROM pg_stat_activity WHERE state = 'active' "
                        + "ORDER BY query_start"
                ),
            ]
        )
    }

    private func finding(_ slot: Slot, _ thresholds: Thresholds) -> Finding? {
        let isLost = slot.walStatus == "lost" || slot.walStatus == "unreserved"
        let retained = Double(slot.retainedBytes ?? 0)
        // A slot in use that is far behind is found as its replica's lag, too.
        let severity = max(
            isLost ? .bad : .ok,
            thresholds.retainedLog.severity(of: retained),
            thresholds.heldTransactions.severity(of: Double(slot.heldTransactions ?? 0))
        )
        guard severity > .ok || !slot.active else { return nil }
        let log = slot.retainedBytes.map { "keeps \(Words.bytes($0)) of the log" } ?? "keeps nothing yet"
        let held =
            slot.heldTransactions.map { ", holds a snapshot \(Words.count($0)) transactions old" } ?? ""
        let lost = isLost ? ", which is \(slot.walStatus ?? "lost")" : ""
        let use = slot.active ? "in use" : "not in use"
        return Finding(
            severity: max(severity, slot.active ? .ok : .warn),
            topic: .replication,
            seen: "slot \(slot.name) (\(slot.kind), \(use)) \(log)\(held)\(lost)",
            why: "the server keeps its write-ahead log, and dead rows, for it until the disk is full",
            remedies: slot.active
                ? [Remedy("see why its reader is slow")]
                : [
                    Remedy(
                        "bring its reader back; or, if it will not come back (it must be built anew then),"
                    ),
                    Remedy(
                        "drop the slot",
                        sql: "SELECT pg_drop_replication_slot(\(Words.literal(slot.name)))"
                    ),
                ]
        )
    }

    private func finding(_ own: Own, _ thresholds: Thresholds) -> Finding {
        let isConnected = own.receiver == "streaming"
        // With all that was received replayed, the age of the last transaction tells only of a quiet primary.
        let isLevel = isConnected && (own.lagBytes ?? 0) == 0
        let lag = isLevel ? 0 : own.replaySeconds ?? 0
        let silence = own.receiverSilentSeconds ?? 0
        var severity = max(
            thresholds.replicaLag.severity(of: lag),
            thresholds.replicaLagBytes.severity(of: Double(own.lagBytes ?? 0)),
            own.paused ? .warn : .ok
        )
        if !isConnected { severity = max(severity, own.restores ? .warn : .bad) }
        if isConnected { severity = max(severity, thresholds.replicaLag.severity(of: silence - 60)) }
        let source = isConnected ? "streaming" : own.restores ? "not streaming" : "receives nothing"
        let behind = isLevel ? "level with what it received" : "\(Words.seconds(lag)) behind"
        let seen = "this replica is \(behind) (\(source)\(own.paused ? ", replay is paused" : ""))"
        guard severity > .ok else { return .ok(.replication, seen) }
        return Finding(
            severity: severity,
            topic: .replication,
            seen: seen,
            why: "who reads here sees the past, and it is no safe place to fail over to",
            remedies: own.paused
                ? [Remedy("go on with replay", sql: "SELECT pg_wal_replay_resume()")]
                : [Remedy("look at the primary, primary_conninfo, the slot and this server's log")]
        )
    }

    private var listing: Listing {
        Listing(
            topic: .replication,
            title: "Replicas",
            columns: ["name", "client", "state", "sync", "behind", "bytes behind"],
            rows: replicas.map { replica in
                [
                    .text(replica.name), .text(replica.client), .text(replica.state),
                    .text(replica.syncState),
                    .seconds(replica.lagSeconds), replica.lagBytes.map { .bytes($0) } ?? .none,
                ]
            }
        )
    }
}
