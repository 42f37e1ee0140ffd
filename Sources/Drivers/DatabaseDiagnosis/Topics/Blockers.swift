/// Who waits for whose lock.
struct Blockers: Examination {
    static let topic = Topic.blockers
    /// More trees and branches are counted, not shown.
    private static let lineLimit = 20

    struct Wait: Hashable, Sendable, Decodable {
        let pid: Int
        /// 0 for a prepared transaction.
        let blockers: [Int]
        /// As `AccessExclusiveLock`.
        let mode: String?
        /// A table's name, or the kind of lock; `nil` for another database's.
        let target: String?
        let seconds: Double?

        var words: String {
            let time = seconds.map { " for \(Words.seconds($0))" } ?? ""
            return "waits\(time) for \(mode ?? "a lock")" + (target.map { " on \($0)" } ?? "")
        }
    }

    let waits: [Wait]
    let sessions: [Session]
    /// Names of prepared transactions.
    let prepared: [String]

    func report(_ server: ServerProfile, _ thresholds: Thresholds) -> TopicReport {
        let waiting = waits.filter { !$0.blockers.isEmpty }
        let longest = waiting.compactMap(\.seconds).max() ?? 0
        let trees = LockTree.trees(waiting)
        var severity = thresholds.lockWait.severity(of: longest)
        if waiting.count >= thresholds.waitingSessions { severity = .bad }
        guard severity > .ok else {
            let count = waiting.isEmpty ? "nobody waits" : "\(waiting.count) for \(Words.seconds(longest))"
            return TopicReport(findings: [.ok(.blockers, "locks: \(count)")])
        }
        let known = Dictionary(sessions.map { ($0.pid, $0) }) { first, _ in first }
        let byPID = Dictionary(waiting.map { ($0.pid, $0) }) { first, _ in first }
        let lines = trees.flatMap { self.lines(of: $0, 0, known, byPID) }
        let left = lines.count - Self.lineLimit
        let who = trees.count == 1 ? "one blocks them" : "\(trees.count) block them"
        let finding = Finding(
            severity: severity,
            topic: .blockers,
            seen: "\(Words.count(waiting.count, "session")) waiting for a lock, the longest for "
                + "\(Words.seconds(longest)); \(who)",
            details: lines.prefix(Self.lineLimit) + (left > 0 ? ["and \(left) more"] : []),
            why:
                "they go on only when those above them end, and everybody who comes later queues behind them",
            remedies: trees.prefix(3).flatMap { remedies(for: $0.pid, known) }
        )
        return TopicReport(findings: [finding])
    }

    private func lines(
        of tree: LockTree,
        _ depth: Int,
        _ sessions: [Int: Session],
        _ waits: [Int: Wait]
    ) -> [String] {
        let indent = String(repeating: "   ", count: depth)
        let name = tree.pid == 0 ? preparedName : sessions[tree.pid]?.name ?? "pid \(tree.pid)"
        let wait = waits[tree.pid].map { ", \($0.words)" } ?? ""
        let doing = (sessions[tree.pid]?.doing).map { ", \($0)" } ?? ""
        return ["\(indent)\(depth == 0 ? "" : "└ ")\(name)\(wait)\(doing)"]
            + tree.behind.flatMap { lines(of: $0, depth + 1, sessions, waits) }
    }

    private var preparedName: String { "a prepared transaction (\(prepared.joined(separator: ", ")))" }

    private func remedies(for pid: Int, _ sessions: [Int: Session]) -> [Remedy] {
        guard pid == 0 else {
            return [sessions[pid]?.remedy ?? Remedy("end it", sql: "SELECT pg_terminate_backend(\(pid))")]
        }
        return prepared.map { name in
            Remedy(
                "ask its transaction manager first; then COMMIT PREPARED, or",
                sql: "ROLLBACK PREPARED \(Words.literal(name))"
            )
        }
    }
}

/// A session and those that wait for it.
struct LockTree: Hashable, Sendable {
    let pid: Int
    let behind: [LockTree]

    /// How many wait, at any depth.
    var count: Int { behind.reduce(0) { $0 + 1 + $1.count } }

    /// Each waiting session once; the tree with the most behind it first.
    ///
    /// A root waits for nobody. In a circle, which the server will soon break, it is the lowest number.
    static func trees(_ waits: [Blockers.Wait]) -> [LockTree] {
        var behind: [Int: [Int]] = [:]
        for wait in waits { for pid in Set(wait.blockers) { behind[pid, default: []].append(wait.pid) } }
        let waiting = Set(waits.map(\.pid))
        var seen: Set<Int> = []
        func tree(_ pid: Int) -> LockTree {
            seen.insert(pid)
            let next = (behind[pid] ?? []).sorted()
            return LockTree(pid: pid, behind: next.compactMap { seen.contains($0) ? nil : tree($0) })
        }
        let roots = behind.keys.filter { !waiting.contains($0) }
            .sorted { (behind[$1]?.count ?? 0, $0) < (behind[$0]?.count ?? 0, $1) }
        var trees = roots.map(tree)
        for pid in waiting.sorted() where !seen.contains(pid) { trees.append(tree(pid)) }
        return trees.sorted { ($1.count, $0.pid) < ($0.count, $1.pid) }
    }
}
