/// The verdict on one statement while it is being made.
struct Judgement {
    let schema: Schema
    let session: Session
    /// The statements of the same file that come after it.
    let upcoming: ArraySlice<Statement>

    private(set) var findings: [Finding] = []
    private(set) var locks: [TakenLock] = []
    /// Whether it takes long without making anybody wait by itself.
    private var isSlow = false

    init(schema: Schema, session: Session, upcoming: ArraySlice<Statement>) {
        self.schema = schema
        self.session = session
        self.upcoming = upcoming
    }

    // MARK: findings

    mutating func find(_ rule: Rule, _ compatibility: Compatibility, _ why: String) {
        findings.append(Finding(rule, compatibility, .none, why))
    }

    mutating func find(_ rule: Rule, _ hazard: LockHazard, _ why: String) {
        findings.append(Finding(rule, .compatible, hazard, why))
    }

    /// What cannot be seen is not safe: neither for the stable version nor under load.
    mutating func cannotSee(_ rule: Rule, _ why: String) {
        findings.append(
            Finding(rule, .unknown, .long, why + "; its locks are unknown too, so taken for long")
        )
    }

    /// A lock that is held for a moment.
    mutating func take(_ level: LockLevel, on table: ObjectName) {
        guard !schema.isNew(table) else { return }
        locks.append(TakenLock(level, on: table, level.blocksUsers ? .brief : .none))
    }

    /// A lock that is held for as long as the table is large; `why` says what for.
    mutating func take(
        _ level: LockLevel,
        on table: ObjectName,
        _ hazard: LockHazard,
        _ rule: Rule,
        _ why: String
    ) {
        guard !schema.isNew(table), !schema.isEmpty(table) else { return take(level, on: table) }
        locks.append(TakenLock(level, on: table, hazard))
        let size = schema.size(of: table).map { " (\($0))" } ?? ""
        findings.append(Finding(rule, .compatible, hazard, "\(why) of \(table)\(size)"))
    }

    mutating func isSlow(on table: ObjectName) {
        if !schema.isNew(table), !schema.isEmpty(table) { isSlow = true }
    }

    /// Takes over what was found of a statement inside of this one.
    mutating func include(_ statement: Statement, _ place: String) {
        var inner = Judgement(schema: schema, session: session, upcoming: [])
        inner.judge(statement)
        findings += inner.findings.map {
            var finding = Finding($0.rule, $0.compatibility, $0.hazard, "\(place): \($0.why)")
            finding.allowed = $0.allowed
            return finding
        }
        locks += inner.locks
        isSlow = isSlow || inner.isSlow
    }

    // MARK: the whole session

    /// What the statement's locks mean beside those of the statements before it.
    mutating func judgeLocks() {
        let hazard = Verdict(findings: findings, locks: locks).hazard
        let blocking = locks.filter { $0.level.blocksUsers && $0.hazard > .none }
        if let lock = blocking.max(by: { $0.level < $1.level }), !session.hasLockTimeout {
            let table = lock.table.map { " on \($0)" } ?? ""
            find(
                .missingLockTimeout,
                .none,
                "while it waits for its \(lock.level.rawValue) lock\(table), everybody waits behind it"
            )
        }
        guard hazard >= .long || isSlow, let held = session.held.max(by: { $0.level < $1.level }) else {
            return
        }
        let table = held.table.map { " on \($0)" } ?? ""
        find(
            .lockHeld,
            .long,
            "it takes long while its transaction holds \(held.level.rawValue)\(table) of an earlier statement"
        )
    }

    mutating func mustNotBeInTransaction(_ what: String) {
        guard session.hasBegun else { return }
        find(.concurrentlyInTransaction, .none, "PostgreSQL refuses \(what) in a transaction block")
    }
}
