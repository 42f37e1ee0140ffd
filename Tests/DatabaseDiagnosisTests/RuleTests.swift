import Testing

@testable import DatabaseDiagnosis

/// Figures in, findings out.
@Suite struct RuleTests {
    private let server = ServerProfile(
        version: "15.4",
        versionNumber: 150_004,
        isReplica: false,
        upSeconds: 1,
        database: "shop",
        userName: "ana",
        seesOthers: true,
        seesLogFolder: true,
        statementsSchema: nil,
        statementsVersion: nil
    )

    private func findings(_ figures: some Examination, _ thresholds: Thresholds = Thresholds()) -> [Finding] {
        figures.report(server, thresholds).findings
    }

    private func wait(_ pid: Int, _ blockers: [Int], seconds: Double = 2) -> Blockers.Wait {
        Blockers.Wait(pid: pid, blockers: blockers, mode: "ShareLock", target: nil, seconds: seconds)
    }

    @Test func `each who waits stands in the trees once, the largest tree first`() {
        let trees = LockTree.trees([
            wait(2, [1]), wait(5, [4]), wait(6, [4, 5, 5]), wait(7, [1, 6]), wait(8, [4]),
        ])
        #expect(trees.map(\.pid) == [4, 1])
        #expect(trees.map(\.count) == [4, 1])
        #expect(trees[0].behind.map(\.pid) == [5, 8])
        #expect(trees[0].behind[0].behind.map(\.pid) == [6])
        #expect(trees[0].behind[0].behind[0].behind.map(\.pid) == [7])
    }

    @Test func `a circle has a root, too`() {
        let trees = LockTree.trees([wait(3, [2]), wait(2, [3]), wait(9, [3])])
        #expect(trees.map(\.pid) == [2])
        #expect(trees.map(\.count) == [2])
    }

    @Test func `waiting is bad when it is long or when many do`() {
        func severity(_ waits: [Blockers.Wait]) -> Finding.Severity? {
            findings(Blockers(waits: waits, sessions: [], prepared: [])).first?.severity
        }
        #expect(severity([]) == .ok)
        #expect(severity([wait(2, [1], seconds: 0.9)]) == .ok)
        #expect(severity([wait(2, [1], seconds: 1)]) == .warn)
        #expect(severity([wait(2, [1], seconds: 30)]) == .bad)
        #expect(severity((2...11).map { wait($0, [1], seconds: 0.1) }) == .bad)
    }

    private func connections(_ used: Int, limit: Int = -1, of database: Int = 0) -> [Finding.Severity] {
        findings(
            Connections(
                maximum: 103,
                reserved: 3,
                used: used,
                databaseLimit: limit,
                databaseUsed: database,
                states: [],
                groups: []
            )
        ).map(\.severity)
    }

    @Test func `connections are counted against those that are not reserved, and a database's own limit`() {
        #expect(connections(79) == [.ok])
        #expect(connections(80) == [.warn])
        #expect(connections(90) == [.bad])
        #expect(connections(10, limit: 10, of: 9) == [.ok, .bad])
    }

    private func replica(
        _ seconds: Double?,
        _ bytes: Int = 0,
        _ state: String? = "streaming"
    ) -> Finding.Severity? {
        let one = Replication.Replica(
            pid: 1,
            name: "r",
            client: nil,
            state: state,
            syncState: "async",
            lagBytes: bytes,
            lagSeconds: seconds
        )
        return findings(Replication(replicas: [one], slots: [], synchronous: "", own: nil)).first?.severity
    }

    @Test func `a replica behind, by time, by bytes and by state`() {
        #expect(replica(9.9) == .ok)
        #expect(replica(10) == .warn)
        #expect(replica(30) == .bad)
        #expect(replica(nil, 1 << 30) == .bad)
        #expect(replica(nil, 0, "catchup") == .warn)
        #expect(replica(nil, 0, nil) == .ok, "hidden is not bad")
    }

    private func own(
        _ receiver: String?,
        silent: Double = 0,
        replay: Double = 0,
        lag: Int = 0,
        restores: Bool = false
    ) -> Finding.Severity? {
        let own = Replication.Own(
            receiver: receiver,
            receiverSilentSeconds: silent,
            replaySeconds: replay,
            lagBytes: lag,
            paused: false,
            restores: restores
        )
        return findings(Replication(replicas: [], slots: [], synchronous: "", own: own)).first?.severity
    }

    @Test func `a replica of a quiet primary is level, one without a primary is not`() {
        #expect(own("streaming", replay: 86_400) == .ok)
        #expect(own("streaming", replay: 20, lag: 1) == .warn)
        #expect(own("streaming", silent: 120) == .bad)
        #expect(own(nil, replay: 5) == .bad)
        #expect(own(nil, replay: 5, restores: true) == .warn)
    }

    @Test func `a slot in use is quiet, one that lost its log is bad`() {
        func severity(_ active: Bool, _ bytes: Int, _ status: String = "reserved") -> Finding.Severity? {
            let slot = Replication.Slot(
                name: "s",
                kind: "logical",
                active: active,
                retainedBytes: bytes,
                walStatus: status,
                heldTransactions: nil
            )
            return findings(Replication(replicas: [], slots: [slot], synchronous: "", own: nil)).first?
                .severity
        }
        #expect(severity(true, 1 << 20) == .ok)
        #expect(severity(true, 2 << 30) == .warn)
        #expect(severity(false, 0) == .warn)
        #expect(severity(false, 11 << 30) == .bad)
        #expect(severity(true, 0, "lost") == .bad)
    }

    @Test func `storage is judged where its size is given`() {
        let figures = Storage(
            databases: [Storage.Database(name: "shop", bytes: 60), Storage.Database(name: "x", bytes: nil)],
            logBytes: 10,
            tables: []
        )
        func severity(_ limit: Int?) -> Finding.Severity? {
            var thresholds = Thresholds()
            thresholds.storageLimit = limit
            return findings(figures, thresholds).first?.severity
        }
        #expect(severity(nil) == .ok)
        #expect(severity(101) == .ok)
        #expect(severity(100) == .warn)
        #expect(severity(82) == .bad)
        #expect(findings(figures).first?.seen.contains("without 1 database that may not be measured") == true)
    }

    @Test func `transaction numbers near the end, transactions or multixacts`() {
        func severity(_ transactions: Int, _ multixacts: Int) -> Finding.Severity? {
            let database = Wraparound.Database(name: "d", transactions: transactions, multixacts: multixacts)
            return findings(Wraparound(databases: [database], tables: [])).first?.severity
        }
        #expect(severity(200_000_000, 0) == .ok)
        #expect(severity(0, 900_000_000) == .warn)
        #expect(severity(1_600_000_000, 0) == .bad)
    }

    @Test func `few dead rows are nothing, and autovacuum switched off is bad`() {
        func severity(live: Int, dead: Int, on: Bool = true) -> Finding.Severity? {
            let table = Vacuum.Table(
                name: "t",
                live: live,
                dead: dead,
                bytes: 1,
                vacuumedSeconds: nil,
                analyzedSeconds: 1,
                off: false
            )
            return findings(Vacuum(tables: [table], unknown: [], autovacuum: on, counting: true)).first?
                .severity
        }
        #expect(severity(live: 0, dead: 9_999) == .ok)
        #expect(severity(live: 1_000_000, dead: 100_000) == .ok)
        #expect(severity(live: 40_000, dead: 10_000) == .warn)
        #expect(severity(live: 0, dead: 99_999) == .warn)
        #expect(severity(live: 100_000, dead: 100_000) == .bad)
        #expect(severity(live: 1, dead: 0, on: false) == .bad)
    }

    @Test func `an index without use counts after a week`() {
        func severity(_ seconds: Double?) -> Finding.Severity? {
            let index = Indexes.Index(name: "i", table: "t", unique: false, bytes: 1 << 30)
            return findings(Indexes(invalid: [], unused: [index], countedSeconds: seconds)).first?.severity
        }
        #expect(severity(6 * 86_400) == .ok)
        #expect(severity(7 * 86_400) == .warn)
        #expect(severity(nil) == .warn)
    }

    private func activity(
        hit: Int = 0,
        read: Int = 0,
        deadlocks: Int = 0,
        checksums: Int? = 0,
        forced: Int = 0,
        failing: Bool = false
    ) -> Finding.Severity? {
        findings(
            Activity(
                blocksHit: hit,
                blocksRead: read,
                commits: 0,
                rollbacks: 0,
                tempFiles: 0,
                tempBytes: 0,
                deadlocks: deadlocks,
                checksumFailures: checksums,
                checkpointsTimed: 0,
                checkpointsRequested: forced,
                archive: Activity.Archive(failed: 1, failing: failing, lastFailed: nil, seconds: nil),
                countedSeconds: 3600
            )
        ).map(\.severity).max()
    }

    @Test func `counters tell of damage, of an archive that fails, and of little else for sure`() {
        #expect(activity() == .ok)
        #expect(activity(checksums: nil) == .ok)
        #expect(activity(checksums: 1) == .bad)
        #expect(activity(failing: true) == .bad)
        #expect(activity(hit: 1, read: 9) == .ok, "too few to tell")
        #expect(activity(hit: 100_000, read: 900_000) == .warn)
        #expect(activity(deadlocks: 9) == .ok)
        #expect(activity(deadlocks: 10) == .warn)
        #expect(activity(forced: 20) == .warn)
    }

    @Test func `the worst comes first, then what is asked first`() {
        func finding(_ severity: Finding.Severity, _ topic: Topic) -> Finding {
            Finding(severity: severity, topic: topic, seen: "")
        }
        let reports = [
            TopicReport(findings: [finding(.ok, .server), finding(.warn, .vacuum)]),
            TopicReport(findings: [finding(.bad, .indexes), finding(.bad, .blockers)]),
        ]
        let diagnosis = Diagnosis(place: "", server: server, reports: reports)
        #expect(diagnosis.findings.map(\.topic) == [.blockers, .indexes, .vacuum, .server])
        #expect(diagnosis.severity == .bad)
    }
}
