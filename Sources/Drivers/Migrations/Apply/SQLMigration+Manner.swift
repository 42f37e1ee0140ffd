import PgQuery

/// Why the runner does not carry a statement out.
struct StatementObjection: Error {
    let message: String
}

extension SQLMigration.Manner {
    /// `inTransactionByDefault` is false in a file that asks for no transaction: there a `DO` or a `CALL` may
    /// commit by itself.
    init(_ content: ParsedStatement.Content, inTransactionByDefault: Bool) throws(StatementObjection) {
        // What the grammar does not know yet the server may.
        guard case .parsed(let kind, let node) = content else {
            self = .inTransaction
            return
        }
        switch kind {
        case "TransactionStmt": self = try Self.ofTransaction(node)
        case "VariableSetStmt" where !node["is_local"].isTrue: self = .setting
        case "CopyStmt" where node["filename"].isNull && !node["is_program"].isTrue:
            throw StatementObjection(
                message: "COPY from or to the client needs psql; use INSERT, or a file on the server"
            )
        case "IndexStmt" where node["concurrent"].isTrue: self = try Self.ofNewIndex(node)
        case "DropStmt" where node["concurrent"].isTrue: self = Self.ofDroppedIndex(node)
        case "ReindexStmt": self = Self.ofReindex(node)
        case "VacuumStmt" where node["is_vacuumcmd"].isTrue:
            let isFull = node["options"].items.contains { $0["DefElem"]["defname"].text == "full" }
            self = .alone(trace: .repeatable, nobodyWaits: !isFull)
        case "AlterSystemStmt": self = .alone(trace: .repeatable, nobodyWaits: true)
        case "ClusterStmt" where node["relation"].isNull:
            self = .alone(trace: .repeatable, nobodyWaits: false)
        case "AlterTableStmt" where Self.detachesConcurrently(node):
            self = .alone(trace: .none, nobodyWaits: true)
        case "AlterDatabaseStmt", "CreatedbStmt", "DropdbStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt",
            "CreateSubscriptionStmt", "AlterSubscriptionStmt", "DropSubscriptionStmt":
            self = .alone(trace: .none, nobodyWaits: false)
        case "DoStmt" where !inTransactionByDefault, "CallStmt" where !inTransactionByDefault:
            self = .alone(trace: .none, nobodyWaits: false)
        default: self = .inTransaction
        }
    }

    /// The runner makes the transactions: one that a file ends by itself would be without its history row.
    private static func ofTransaction(_ node: SyntaxNode) throws(StatementObjection) -> Self {
        let kind = node["kind"].text ?? "TRANS_STMT_BEGIN"
        guard
            kind == "TRANS_STMT_SAVEPOINT" || kind == "TRANS_STMT_RELEASE" || kind == "TRANS_STMT_ROLLBACK_TO"
        else {
            throw StatementObjection(
                message:
                    "bgdeploy makes the transaction, in which it also notes that the file is applied: take "
                    + "BEGIN, COMMIT and ROLLBACK out of the file"
            )
        }
        return .inTransaction
    }

    private static func ofNewIndex(_ node: SyntaxNode) throws(StatementObjection) -> Self {
        guard let name = node["idxname"].text else {
            throw StatementObjection(
                message:
                    "give the index a name: CREATE INDEX CONCURRENTLY NAME ON …; without one an unfinished "
                    + "index could not be found again"
            )
        }
        let schema = node["relation"]["schemaname"].text
        return .alone(trace: .index(.init(schema: schema, name: name)), nobodyWaits: true)
    }

    private static func ofDroppedIndex(_ node: SyntaxNode) -> Self {
        let names = node["objects"].items.first?["List"]["items"].items.compactMap {
            $0["String"]["sval"].text
        }
        guard let names, let name = names.last else { return .alone(trace: .none, nobodyWaits: true) }
        let schema = names.count > 1 ? names[names.count - 2] : nil
        return .alone(trace: .noIndex(.init(schema: schema, name: name)), nobodyWaits: true)
    }

    private static func ofReindex(_ node: SyntaxNode) -> Self {
        let isConcurrent = node["params"].items.contains { $0["DefElem"]["defname"].text == "concurrently" }
        let isWhole = !["REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"].contains(
            node["kind"].text ?? "REINDEX_OBJECT_INDEX"
        )
        guard isConcurrent || isWhole else { return .inTransaction }
        return .alone(trace: .repeatable, nobodyWaits: isConcurrent)
    }

    private static func detachesConcurrently(_ node: SyntaxNode) -> Bool {
        node["cmds"].items.contains { $0["AlterTableCmd"]["def"]["PartitionCmd"]["concurrent"].isTrue }
    }
}
