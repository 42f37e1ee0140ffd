/// Judges a release's migrations, a file at a time and in their order.
///
/// The schema goes on from statement to statement, so that later files know what earlier ones made.
package struct Judge: Sendable {
    package private(set) var schema: Schema

    package init(schema: Schema = Schema()) { self.schema = schema }

    /// A verdict for each statement of one file, in order.
    ///
    /// A file without a transaction of its own is taken to run in one, unless it holds a statement that
    /// cannot.
    package mutating func judge(_ statements: [Statement]) -> [Verdict] {
        let hasOwn = statements.contains(.begin) || statements.contains { $0.runsOutsideTransaction }
        var session = Session(isWrapped: !hasOwn)
        var verdicts: [Verdict] = []
        for (index, statement) in statements.enumerated() {
            session.enter(statement)
            var judgement = Judgement(
                schema: schema,
                session: session,
                upcoming: statements[(index + 1)...]
            )
            judgement.judge(statement)
            judgement.judgeLocks()
            session.keep(judgement.locks)
            verdicts.append(Verdict(findings: judgement.findings, locks: judgement.locks))
            // With another search_path a name may be of another schema than it seems.
            schema.fold(statement, isNew: !session.hasSearchPath)
        }
        return verdicts
    }
}

/// What of a migration's session matters to its next statement.
struct Session: Hashable, Sendable {
    /// Whether the file itself says `BEGIN`, and has not ended it.
    private(set) var hasBegun = false
    private(set) var hasLockTimeout = false
    private(set) var hasSearchPath = false
    /// What earlier statements of the transaction hold, of tables that users see.
    private(set) var held: [TakenLock] = []
    /// Whether the whole file is one transaction.
    let isWrapped: Bool

    init(isWrapped: Bool) { self.isWrapped = isWrapped }

    var isInTransaction: Bool { isWrapped || hasBegun }

    mutating func enter(_ statement: Statement) {
        switch statement {
        case .begin: hasBegun = true
        case .commit:
            hasBegun = false
            held = []
        case .set("lock_timeout", let isOff, .session): hasLockTimeout = !isOff
        case .set("search_path", _, .session): hasSearchPath = true
        default: break
        }
    }

    mutating func keep(_ locks: [TakenLock]) {
        guard isInTransaction else { return }
        held += locks.filter { $0.level.blocksUsers && $0.hazard > .none }
    }
}

extension Statement {
    /// Whether PostgreSQL refuses it in a transaction block.
    var runsOutsideTransaction: Bool {
        switch self {
        case .createIndex(let index): index.isConcurrent
        case .drop(let kind, _, let isConcurrent, _): isConcurrent || kind == .database
        case .reindex(_, let isConcurrent): isConcurrent
        case .rewrite(let what, let table): what == "VACUUM FULL" || table == nil
        case .set(_, _, .system): true
        case .create(.database, _): true
        case .harmless("VACUUM"): true
        case .alterTable(_, let changes):
            changes.contains { if case .detachPartition(_, true) = $0 { true } else { false } }
        default: false
        }
    }
}
