/// What a token lets its bearer do.
package enum Scope: String, CaseIterable, Codable, Comparable, Hashable, Sendable {
    /// Look at services, runs and their journals.
    case read
    /// Start runs, set the split, promote, pause, go on, abort, roll back.
    case deploy
    /// Approve what waits for an approval.
    case approve
    /// Everything, and the tokens.
    case admin

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    /// What comes with it: everybody reads, an admin may do all.
    package var included: Set<Scope> {
        self == .admin ? Set(Self.allCases) : [self, .read]
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
