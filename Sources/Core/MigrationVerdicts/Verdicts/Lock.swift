/// What a statement's locks mean to users; ordered by how bad it is.
package enum LockHazard: String, Hashable, Sendable, Comparable, CaseIterable {
    /// Nobody who reads or writes waits for it.
    case none
    /// Readers or writers wait for a moment, however large the table is.
    case brief
    /// Readers or writers wait while rows are read or an index is built.
    case long
    /// Readers and writers wait while the table is written anew.
    case rewrite

    package static func < (left: LockHazard, right: LockHazard) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// PostgreSQL's table locks, weakest first.
package enum LockLevel: String, Hashable, Sendable, Comparable, CaseIterable {
    case accessShare = "ACCESS SHARE"
    case rowShare = "ROW SHARE"
    case rowExclusive = "ROW EXCLUSIVE"
    case shareUpdateExclusive = "SHARE UPDATE EXCLUSIVE"
    case share = "SHARE"
    case shareRowExclusive = "SHARE ROW EXCLUSIVE"
    case exclusive = "EXCLUSIVE"
    case accessExclusive = "ACCESS EXCLUSIVE"

    package static func < (left: LockLevel, right: LockLevel) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Whether somebody who writes, or even who reads, waits for it.
    package var blocksUsers: Bool { self >= .share }
}

/// A lock that a statement takes.
package struct TakenLock: Hashable, Sendable {
    package let level: LockLevel
    /// `nil` when the statement does not name it.
    package let table: ObjectName?
    package let hazard: LockHazard

    package init(_ level: LockLevel, on table: ObjectName?, _ hazard: LockHazard) {
        self.level = level
        self.table = table
        self.hazard = hazard
    }
}
