internal import MigrationVerdicts
internal import PgQuery

/// Reads tables, their columns, constraints and indexes, and what `ALTER TABLE` does to them.
enum TableReader {
    static func table(_ node: SyntaxNode) -> TableDefinition {
        let relation = node["relation"]
        var table = TableDefinition(name: Names.relation(relation))
        for element in node["tableElts"].items {
            switch element.tagged {
            case ("ColumnDef", let column)?: table.columns.append(self.column(column))
            case ("Constraint", let item)?:
                table.constraints += constraint(item, column: nil).map { [$0] } ?? []
            default: table.hasOtherColumns = true
            }
        }
        table.parents = node["inhRelations"].items.map { Names.relation($0["RangeVar"]) }
        table.isPartition = !node["partbound"].isNull
        table.isPartitioned = !node["partspec"].isNull
        table.isTemporary = relation["relpersistence"].text == "t"
        table.skipsExisting = node["if_not_exists"].isTrue
        return table
    }

    /// `CREATE TABLE … AS`, `SELECT … INTO`.
    static func copy(named name: ObjectName, _ relation: SyntaxNode) -> TableDefinition {
        var table = TableDefinition(name: name)
        table.hasOtherColumns = true
        table.isTemporary = relation["relpersistence"].text == "t"
        return table
    }

    static func index(_ node: SyntaxNode) -> IndexDefinition {
        let table = Names.relation(node["relation"])
        return IndexDefinition(
            name: node["idxname"].text.map { ObjectName($0, schema: table.schema) },
            table: table,
            columns: node["indexParams"].items.map { $0["IndexElem"]["name"].text },
            isUnique: node["unique"].isTrue,
            isConcurrent: node["concurrent"].isTrue,
            computed: ExpressionReader.expression(.list([node["indexParams"], node["whereClause"]]))
        )
    }

    // MARK: columns, constraints

    static func column(_ node: SyntaxNode) -> ColumnDefinition {
        let name = node["colname"].text ?? ""
        var column = ColumnDefinition(name: name, type: Names.type(node["typeName"]))
        if Names.isSerial(node["typeName"]) { (column.takesNumbers, column.isNotNull) = (true, true) }
        for item in node["constraints"].items {
            let constraint = item["Constraint"]
            switch constraint["contype"].text {
            case "CONSTR_NOTNULL": column.isNotNull = true
            case "CONSTR_DEFAULT": column.defaultValue = ExpressionReader.expression(constraint["raw_expr"])
            case "CONSTR_IDENTITY": (column.takesNumbers, column.isNotNull) = (true, true)
            case "CONSTR_GENERATED": column.generated = ExpressionReader.expression(constraint["raw_expr"])
            case "CONSTR_PRIMARY": column.isNotNull = true
            default: break
            }
            if let read = self.constraint(constraint, column: name) { column.constraints.append(read) }
        }
        return column
    }

    static func constraint(_ node: SyntaxNode, column: String?) -> TableConstraint? {
        func names(_ key: String) -> [String] {
            let list = node[key].items.compactMap { $0["String"]["sval"].text }
            return list.isEmpty ? column.map { [$0] } ?? [] : list
        }
        var result: TableConstraint
        switch node["contype"].text {
        case "CONSTR_CHECK":
            let expression = ExpressionReader.expression(node["raw_expr"])
            result = TableConstraint(.check(expression), columns: expression.columns.sorted())
        case "CONSTR_FOREIGN":
            let other = Names.relation(node["pktable"])
            result = TableConstraint(.foreignKey(to: other), columns: names("fk_attrs"))
        case "CONSTR_UNIQUE": result = TableConstraint(.unique, columns: names("keys"))
        case "CONSTR_PRIMARY": result = TableConstraint(.primaryKey, columns: names("keys"))
        case "CONSTR_EXCLUSION": result = TableConstraint(.exclusion)
        default: return nil
        }
        result.name = node["conname"].text
        result.isValidated = !node["skip_validation"].isTrue
        result.index = node["indexname"].text
        return result
    }

    // MARK: ALTER TABLE

    static func change(_ node: SyntaxNode, of kind: String?) -> TableChange {
        let name = node["name"].text ?? ""
        let action = String((node["subtype"].text ?? "").dropFirst(3))
        if kind == "OBJECT_TYPE", action == "AddColumn" { return .unseen("ADD ATTRIBUTE") }
        // Such as security_invoker.
        if kind == "OBJECT_VIEW", action.hasSuffix("RelOptions") { return .switchBehaviour("SET") }
        switch action {
        case "AddColumn":
            return .addColumn(column(node["def"]["ColumnDef"]), skipsExisting: node["missing_ok"].isTrue)
        case "DropColumn": return .dropColumn(name, skipsMissing: node["missing_ok"].isTrue)
        case "AlterColumnType":
            let definition = node["def"]["ColumnDef"]
            let using = definition["raw_default"]
            let type = Names.type(definition["typeName"])
            let isPlain = definition["collClause"].isNull
            return .setType(
                column: name,
                isPlain ? type : ColumnType("\(type.name) with another collation"),
                using: using.isNull ? nil : ExpressionReader.expression(using)
            )
        case "SetNotNull": return .setNotNull(column: name)
        case "DropNotNull": return .dropNotNull(column: name)
        case "ColumnDefault":
            guard !node["def"].isNull else { return .dropDefault(column: name) }
            return .setDefault(column: name, ExpressionReader.expression(node["def"]))
        case "DropIdentity", "DropExpression": return .dropDefault(column: name)
        case "AddConstraint":
            guard let constraint = constraint(node["def"]["Constraint"], column: nil) else {
                return .unseen("ADD CONSTRAINT")
            }
            return .addConstraint(constraint)
        case "DropConstraint": return .dropConstraint(name)
        case "ValidateConstraint": return .validateConstraint(name)
        case "AttachPartition":
            guard kind != "OBJECT_INDEX" else { return .adjust("ATTACH PARTITION") }
            return .attachPartition(Names.relation(node["def"]["PartitionCmd"]["name"]))
        case "DetachPartition", "DetachPartitionFinalize":
            let command = node["def"]["PartitionCmd"]
            return .detachPartition(
                Names.relation(command["name"]),
                isConcurrent: command["concurrent"].isTrue
            )
        default: return rarer(action)
        }
    }

    private static func rarer(_ action: String) -> TableChange {
        switch action {
        case "ChangeOwner": .setOwner
        case "EnableRowSecurity", "ForceRowSecurity": .restrictRows
        case "SetLogged": .move("SET LOGGED")
        case "SetUnLogged": .move("SET UNLOGGED")
        case "SetTableSpace": .move("SET TABLESPACE")
        case "SetAccessMethod": .move("SET ACCESS METHOD")
        case "SetStatistics", "SetOptions", "ResetOptions", "SetRelOptions", "ResetRelOptions", "ClusterOn",
            "DropCluster":
            .setParameter(action)
        case "SetStorage", "SetCompression", "ReplicaIdentity", "DisableRowSecurity", "NoForceRowSecurity",
            "AlterConstraint":
            .adjust(action)
        case "AddIdentity", "SetIdentity", "AddInherit", "DropInherit", "EnableTrig", "EnableAlwaysTrig",
            "EnableReplicaTrig", "DisableTrig", "EnableTrigAll", "DisableTrigAll", "EnableTrigUser",
            "DisableTrigUser", "EnableRule", "DisableRule", "EnableAlwaysRule", "EnableReplicaRule":
            .switchBehaviour(action)
        default: .unseen(action)
        }
    }
}

/// Reads views.
enum ViewReader {
    static func view(_ node: SyntaxNode) -> ViewDefinition {
        let query = node["query"]["SelectStmt"]
        let aliases = node["aliases"].items.compactMap { $0["String"]["sval"].text }
        let source = table(shownAsItIs: query)
        let targets = query["targetList"].items.map { $0["ResTarget"] }
        return ViewDefinition(
            name: Names.relation(node["view"]),
            columns: aliases.isEmpty ? columns(of: query) : aliases,
            writesThroughTo: source,
            hasAllRows: source != nil && query["whereClause"].isNull,
            isWhole: source != nil && targets.count == 1 && isStar(targets[0]),
            replaces: node["replace"].isTrue,
            isMaterialized: false
        )
    }

    private static func columns(of query: SyntaxNode) -> [String]? {
        guard query["op"].text == "SETOP_NONE" else { return columns(of: query["larg"]) }
        var names: [String] = []
        for target in query["targetList"].items.map({ $0["ResTarget"] }) {
            if isStar(target) { return nil }
            let value = target["val"]
            let name =
                target["name"].text
                ?? value["ColumnRef"]["fields"].items.last?["String"]["sval"].text
                ?? value["FuncCall"]["funcname"].items.last?["String"]["sval"].text
            guard let name else { return nil }
            names.append(name)
        }
        return names
    }

    private static func isStar(_ target: SyntaxNode) -> Bool {
        target["val"]["ColumnRef"]["fields"].items.contains { $0.tagged?.kind == "A_Star" }
    }

    /// The table of a view through which PostgreSQL writes.
    private static func table(shownAsItIs query: SyntaxNode) -> ObjectName? {
        let from = query["fromClause"].items
        let hindrances = [
            "distinctClause", "groupClause", "havingClause", "withClause", "limitCount", "limitOffset",
            "windowClause",
        ]
        guard query["op"].text == "SETOP_NONE", from.count == 1, !from[0]["RangeVar"].isNull,
            hindrances.allSatisfy({ query[$0].isNull }),
            query["targetList"].items.allSatisfy({ !$0["ResTarget"]["val"]["ColumnRef"].isNull })
        else { return nil }
        return Names.relation(from[0]["RangeVar"])
    }
}
