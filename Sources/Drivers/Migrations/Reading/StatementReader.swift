internal import MigrationVerdicts
internal import PgQuery

/// Reads a statement of PostgreSQL's parser as far as the rules need to know it.
enum StatementReader {
    static func statement(_ parsed: ParsedStatement, text: String) -> Statement {
        switch parsed.content {
        case .parsed(let kind, let node): return statement(kind, node, text: text)
        case .refused(let message, _):
            return .unparsed(
                "\(message), says the grammar of PostgreSQL \(PgQuery.version): a mistake, or "
                    + "syntax of a newer one"
            )
        }
    }

    static func statement(_ kind: String, _ node: SyntaxNode, text: String) -> Statement {
        tables(kind, node) ?? objects(kind, node) ?? routines(kind, node, text: text) ?? data(kind, node)
            ?? upkeep(kind, node) ?? .unseen(spelled(kind))
    }

    /// `AlterFdwStmt` as `ALTER FDW`.
    private static func spelled(_ kind: String) -> String {
        var words = ""
        for character in kind.hasSuffix("Stmt") ? kind.dropLast(4) : kind[...] {
            if character.isUppercase, !words.isEmpty { words += " " }
            words += character.uppercased()
        }
        return words
    }

    // MARK: tables

    private static func tables(_ kind: String, _ node: SyntaxNode) -> Statement? {
        switch kind {
        case "AlterTableStmt":
            return .alterTable(
                Names.relation(node["relation"]),
                node["cmds"].items.map { TableReader.change($0["AlterTableCmd"], of: node["objtype"].text) }
            )
        case "CreateStmt": return .createTable(TableReader.table(node))
        case "CreateForeignTableStmt": return .createTable(TableReader.table(node["base"]))
        case "CreateTableAsStmt":
            let name = Names.relation(node["into"]["rel"])
            guard node["objtype"].text != "OBJECT_MATVIEW" else { return .create(.materializedView, name) }
            return .createTable(TableReader.copy(named: name, node["into"]["rel"]))
        case "IndexStmt": return .createIndex(TableReader.index(node))
        case "ViewStmt": return .createView(ViewReader.view(node))
        default: return nil
        }
    }

    // MARK: functions, triggers

    private static func routines(_ kind: String, _ node: SyntaxNode, text: String) -> Statement? {
        switch kind {
        case "CreateFunctionStmt": return .createRoutine(RoutineReader.routine(node, text: text))
        case "CreateTrigStmt":
            return .createTrigger(
                TriggerDefinition(
                    name: node["trigname"].text ?? "",
                    table: Names.relation(node["relation"]),
                    function: Names.object(node["funcname"].items),
                    // TRIGGER_TYPE_BEFORE and TRIGGER_TYPE_INSTEAD of pg_trigger.h.
                    isBefore: [2, 64].contains(node["timing"].number ?? 0)
                )
            )
        case "DoStmt": return .run(RoutineReader.block(text))
        case "CallStmt":
            return .call("CALL \(Names.object(node["funccall"]["funcname"].items))")
        case "ExecuteStmt": return .call("EXECUTE \(node["name"].text ?? "")")
        case "RuleStmt":
            let name = node["rulename"].text ?? ""
            return .restrict(.rule, name: name, on: Names.relation(node["relation"]))
        case "CreatePolicyStmt", "AlterPolicyStmt":
            let name = node["policy_name"].text ?? ""
            return .restrict(.policy, name: name, on: Names.relation(node["table"]))
        default: return nil
        }
    }

    // MARK: rows

    private static func data(_ kind: String, _ node: SyntaxNode) -> Statement? {
        let table = Names.relation(node["relation"])
        switch kind {
        case "TruncateStmt":
            return .truncate(node["relations"].items.map { Names.relation($0["RangeVar"]) })
        case "UpdateStmt":
            return .update(
                table,
                columns: node["targetList"].items.compactMap { $0["ResTarget"]["name"].text },
                ReachReader.reach(node["whereClause"]),
                functions: ExpressionReader.expression(node).functions
            )
        case "MergeStmt": return .update(table, columns: [], .any, functions: [])
        case "DeleteStmt": return .delete(table, ReachReader.reach(node["whereClause"]))
        case "InsertStmt": return .insert(table)
        case "CopyStmt":
            guard node["is_program"].isNull, node["filename"].isNull else { return nil }
            return node["is_from"].isTrue ? .insert(table) : .harmless("COPY TO")
        case "SelectStmt": return select(node)
        default: return nil
        }
    }

    private static func select(_ node: SyntaxNode) -> Statement {
        let into = node["intoClause"]["rel"]
        guard into.isNull else {
            return .createTable(TableReader.copy(named: Names.relation(into), into))
        }
        if let hidden = hiddenWrite(node) { return hidden }
        return .query(functions: ExpressionReader.expression(node).functions)
    }

    /// `WITH moved AS (DELETE …) SELECT …`.
    private static func hiddenWrite(_ node: SyntaxNode) -> Statement? {
        for item in node["withClause"]["ctes"].items {
            guard let (kind, inner) = item["CommonTableExpr"]["ctequery"].tagged, kind != "SelectStmt" else {
                continue
            }
            return data(kind, inner)
        }
        return nil
    }
}
