/// One part of an `ALTER TABLE`.
package enum TableChange: Hashable, Sendable {
    case addColumn(ColumnDefinition, skipsExisting: Bool)
    case dropColumn(String, skipsMissing: Bool)
    case setType(column: String, ColumnType, using: Expression?)
    case setNotNull(column: String)
    case dropNotNull(column: String)
    case setDefault(column: String, Expression)
    case dropDefault(column: String)
    case addConstraint(TableConstraint)
    case dropConstraint(String)
    case validateConstraint(String)
    case attachPartition(ObjectName)
    case detachPartition(ObjectName, isConcurrent: Bool)
    case setOwner
    /// `ENABLE` or `FORCE ROW LEVEL SECURITY`.
    case restrictRows
    /// The table is written anew: `SET TABLESPACE`, `SET LOGGED`, `SET ACCESS METHOD`.
    case move(String)
    /// Nobody who reads or writes waits for it: `SET STATISTICS`, `SET (fillfactor = …)`.
    case setParameter(String)
    /// A short ACCESS EXCLUSIVE lock, and the stable version does not notice.
    case adjust(String)
    /// Rules and triggers go on or off, the parents change: what it does depends on them.
    case switchBehaviour(String)
    /// The linter has no rule for it.
    case unseen(String)
}
