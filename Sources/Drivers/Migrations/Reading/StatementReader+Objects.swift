internal import MigrationVerdicts
internal import PgQuery

extension StatementReader {
    // MARK: other objects

    static func objects(_ kind: String, _ node: SyntaxNode) -> Statement? {
        switch kind {
        case "DropStmt": return drop(node)
        case "DropRoleStmt":
            let names = node["roles"].items.map { ObjectName($0["RoleSpec"]["rolename"].text ?? "") }
            return .drop(
                .role,
                names.map { DroppedObject($0) },
                isConcurrent: false,
                skipsMissing: node["missing_ok"].isTrue
            )
        case "DropOwnedStmt":
            return .drop(
                .role,
                [DroppedObject(ObjectName("DROP OWNED"))],
                isConcurrent: false,
                skipsMissing: false
            )
        case "DropdbStmt":
            let name = ObjectName(node["dbname"].text ?? "")
            return .drop(.database, [DroppedObject(name)], isConcurrent: false, skipsMissing: false)
        case "RenameStmt": return rename(node)
        case "AlterObjectSchemaStmt":
            let relation = node["relation"]
            return .setSchema(
                Names.kind(node["objectType"]),
                relation.isNull ? Names.object(node["object"]) : Names.relation(relation),
                to: node["newschema"].text ?? ""
            )
        case "AlterOwnerStmt":
            return .setOwner(Names.kind(node["objectType"]), Names.object(node["object"]))
        case "AlterEnumStmt":
            let type = Names.object(node["typeName"].items)
            if let old = node["oldVal"].text { return .renameEnumValue(type: type, old: old) }
            return .addEnumValue(type: type, value: node["newVal"].text ?? "")
        case "AlterDomainStmt":
            // C is ADD CONSTRAINT, O is SET NOT NULL.
            return .alterDomain(
                Names.object(node["typeName"].items),
                tightens: ["C", "O"].contains(node["subtype"].text)
            )
        case "AlterSeqStmt":
            return .alterSequence(
                Names.relation(node["sequence"]),
                node["options"].items.compactMap { $0["DefElem"]["defname"].text }
            )
        default: return creation(kind, node)
        }
    }

    private static func creation(_ kind: String, _ node: SyntaxNode) -> Statement? {
        switch kind {
        case "CreateSeqStmt": .create(.sequence, Names.relation(node["sequence"]))
        case "CreateSchemaStmt":
            node["schemaElts"].items.isEmpty
                ? .create(.schema, ObjectName(node["schemaname"].text ?? "")) : nil
        case "CreateEnumStmt", "CreateRangeStmt": .create(.type, Names.object(node["typeName"].items))
        case "CompositeTypeStmt": .create(.type, Names.relation(node["typevar"]))
        case "CreateDomainStmt":
            .createDomain(
                Names.object(node["domainname"].items),
                refusesNull: node["constraints"].items.contains { item in
                    let check = ExpressionReader.expression(item["Constraint"]["raw_expr"])
                    return item["Constraint"]["contype"].text == "CONSTR_NOTNULL" || check.mayRefuseNull
                }
            )
        case "CreateExtensionStmt": .create(.extension, ObjectName(node["extname"].text ?? ""))
        case "CreateRoleStmt": .create(.role, ObjectName(node["role"].text ?? ""))
        case "CreatedbStmt": .create(.database, ObjectName(node["dbname"].text ?? ""))
        case "DefineStmt":
            // An operator or an aggregate may make a call ambiguous.
            ["OBJECT_OPERATOR", "OBJECT_AGGREGATE"].contains(node["kind"].text)
                ? nil : .create(.type, Names.object(node["defnames"].items))
        case "CreateFdwStmt", "CreateForeignServerStmt", "CreateUserMappingStmt", "CreateTableSpaceStmt":
            .create(.other, ObjectName(""))
        default: nil
        }
    }

    private static func drop(_ node: SyntaxNode) -> Statement {
        let kind = Names.kind(node["removeType"])
        if node["removeType"].text == "OBJECT_STATISTIC_EXT" { return .harmless("DROP STATISTICS") }
        let objects = node["objects"].items.map { item -> DroppedObject in
            switch kind {
            case .trigger, .policy, .rule:
                let parts = item["List"]["items"].items
                let name = parts.last?["String"]["sval"].text ?? ""
                return DroppedObject(ObjectName(name), table: Names.object(Array(parts.dropLast())))
            case .function, .procedure:
                let unspecified = item["ObjectWithArgs"]["args_unspecified"].isTrue
                let types = item["ObjectWithArgs"]["objargs"].items.map { Names.type($0["TypeName"]) }
                return DroppedObject(Names.object(item), parameters: unspecified ? nil : types)
            default: return DroppedObject(Names.object(item))
            }
        }
        return .drop(
            kind,
            objects,
            isConcurrent: node["concurrent"].isTrue,
            skipsMissing: node["missing_ok"].isTrue
        )
    }

    private static func rename(_ node: SyntaxNode) -> Statement {
        let kind = Names.kind(node["renameType"])
        let new = node["newname"].text ?? ""
        let part = node["subname"].text
        let relation = node["relation"]
        guard relation.isNull else {
            return .rename(Renaming(kind, Names.relation(relation), part: part, to: new))
        }
        // A role, a schema or a database has nothing but its name.
        let name = node["object"].isNull ? ObjectName(part ?? "") : Names.object(node["object"])
        return .rename(Renaming(kind, name, to: new))
    }

    // MARK: settings, locks, upkeep

    static func upkeep(_ kind: String, _ node: SyntaxNode) -> Statement? {
        switch kind {
        case "GrantStmt": return grant(node)
        case "GrantRoleStmt": return node["is_grant"].isTrue ? .grant : .revoke(from: [])
        case "AlterDefaultPrivilegesStmt": return .grant
        case "AlterRoleStmt":
            return .alterRole(ObjectName(node["role"]["rolename"].text ?? ""))
        case "VariableSetStmt": return set(node, .session)
        case "AlterSystemStmt": return set(node["setstmt"], .system)
        case "AlterRoleSetStmt": return set(node["setstmt"], .role)
        case "AlterDatabaseSetStmt": return set(node["setstmt"], .database)
        case "TransactionStmt":
            switch node["kind"].text {
            case "TRANS_STMT_BEGIN", "TRANS_STMT_START": return .begin
            case "TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE": return .commit
            default: return .harmless("SAVEPOINT")
            }
        case "LockStmt":
            let level = LockLevel.allCases.dropFirst((node["mode"].number ?? 8) - 1).first
            let tables = node["relations"].items.map { Names.relation($0["RangeVar"]) }
            return .lock(tables, level ?? .accessExclusive)
        case "ReindexStmt":
            let isIndex = node["kind"].text == "REINDEX_OBJECT_INDEX"
            return .reindex(
                table: node["relation"].isNull || isIndex ? nil : Names.relation(node["relation"]),
                isConcurrent: hasOption("concurrently", node["params"])
            )
        case "ClusterStmt": return .rewrite("CLUSTER", optionalRelation(node["relation"]))
        case "VacuumStmt": return vacuum(node)
        case "RefreshMatViewStmt":
            return .refresh(Names.relation(node["relation"]), isConcurrent: node["concurrent"].isTrue)
        case "CommentStmt", "SecLabelStmt", "CreateStatsStmt", "AlterStatsStmt", "VariableShowStmt",
            "NotifyStmt", "ListenStmt", "UnlistenStmt", "DiscardStmt", "CheckPointStmt",
            "ConstraintsSetStmt", "PrepareStmt", "DeallocateStmt", "AlterTableSpaceOptionsStmt":
            return .harmless(kind)
        case "ExplainStmt": return hasOption("analyze", node["options"]) ? nil : .harmless("EXPLAIN")
        default: return nil
        }
    }

    private static func grant(_ node: SyntaxNode) -> Statement {
        guard !node["is_grant"].isTrue else { return .grant }
        return .revoke(from: node["objects"].items.map { Names.object($0) })
    }

    private static func set(_ node: SyntaxNode, _ scope: SettingScope) -> Statement {
        let argument = node["args"].items.first?["A_Const"] ?? .null
        let text = argument["sval"]["sval"].text ?? ""
        let isOff =
            node["kind"].text != "VAR_SET_VALUE" || ["0", "0s", "0ms"].contains(text)
            || (!argument["ival"].isNull && (argument["ival"]["ival"].number ?? 0) == 0)
        return .set(node["name"].text?.lowercased() ?? "", isOff: isOff, scope)
    }

    private static func vacuum(_ node: SyntaxNode) -> Statement {
        guard hasOption("full", node["options"]) else {
            return .harmless(node["is_vacuumcmd"].isTrue ? "VACUUM" : "ANALYZE")
        }
        let table = node["rels"].items.first?["VacuumRelation"]["relation"] ?? .null
        return .rewrite("VACUUM FULL", optionalRelation(table))
    }

    private static func optionalRelation(_ node: SyntaxNode) -> ObjectName? {
        node.isNull ? nil : Names.relation(node)
    }

    private static func hasOption(_ name: String, _ options: SyntaxNode) -> Bool {
        options.items.contains { item in
            let option = item["DefElem"]
            guard option["defname"].text?.lowercased() == name else { return false }
            let value = option["arg"]["String"]["sval"].text?.lowercased()
            return !["off", "false", "0"].contains(value)
        }
    }
}
