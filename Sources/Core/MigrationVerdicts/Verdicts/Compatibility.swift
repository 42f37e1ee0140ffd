/// Whether the version that is live now goes on working when a statement has run; ordered by how bad it is.
///
/// Measured on PostgreSQL 15 with the statements of an old version before and after each change.
package enum Compatibility: String, Hashable, Sendable, Comparable, CaseIterable {
    case compatible
    /// Open sessions with a prepared `SELECT *` fail once: "cached plan must not change result type".
    case prepared
    /// It cannot be told.
    case unknown
    /// On data, or on what the stable version's statements do.
    case depends
    case breaks

    package static func < (left: Compatibility, right: Compatibility) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
