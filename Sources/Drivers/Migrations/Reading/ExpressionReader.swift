internal import MigrationVerdicts
internal import PgQuery

/// Reads expressions.
enum ExpressionReader {
    static func expression(_ node: SyntaxNode) -> Expression {
        var result = Expression()
        result.isNull = isNull(node)
        walk(node, &result)
        result.refusesNullOf = refusedNulls(node)
        result.mayRefuseNull = mayRefuseNull(node)
        return result
    }

    /// An expression on its own; `nil` when it is none.
    static func expression(text: String) -> Expression? {
        guard let parsed = try? PgQuery.statements(of: "SELECT \(text)"), parsed.count == 1,
            case .parsed(_, let node) = parsed[0].content
        else { return nil }
        let values = node["targetList"].items.map { $0["ResTarget"]["val"] }
        return values.count == 1 && node["fromClause"].isNull ? expression(values[0]) : expression(node)
    }

    private static func isNull(_ node: SyntaxNode) -> Bool {
        guard let (kind, inner) = node.tagged else { return false }
        return kind == "TypeCast" ? isNull(inner["arg"]) : kind == "A_Const" && inner["isnull"].isTrue
    }

    // MARK: what it names

    private static func walk(_ node: SyntaxNode, _ result: inout Expression) {
        switch node {
        case .list(let items): for item in items { walk(item, &result) }
        case .object(let fields):
            for field in fields {
                note(field.name, field.value, &result)
                walk(field.value, &result)
            }
        default: break
        }
    }

    private static func note(_ kind: String, _ node: SyntaxNode, _ result: inout Expression) {
        switch kind {
        case "ColumnRef":
            if let name = node["fields"].items.last?["String"]["sval"].text { result.columns.insert(name) }
        case "FuncCall":
            if let name = node["funcname"].items.last?["String"]["sval"].text {
                result.functions.insert(name)
            }
        case "SubLink": result.hasQuery = true
        case "TypeCast":
            let isConstant = node["arg"].tagged?.kind == "A_Const"
            if !isConstant, !["text", "varchar"].contains(Names.type(node["typeName"]).name) {
                result.mayFail = true
            }
        case "A_Expr":
            if ["/", "%"].contains(node["name"].items.last?["String"]["sval"].text) { result.mayFail = true }
        default: break
        }
    }

    // MARK: what it says of NULL

    /// Columns whose NULL makes the whole false.
    private static func refusedNulls(_ node: SyntaxNode) -> Set<String> {
        guard let (kind, inner) = node.tagged else { return [] }
        switch kind {
        case "NullTest":
            guard inner["nulltesttype"].text == "IS_NOT_NULL" else { return [] }
            return column(inner["arg"]).map { [$0] } ?? []
        case "BoolExpr":
            let parts = inner["args"].items
            switch inner["boolop"].text {
            case "AND_EXPR": return parts.reduce(into: []) { $0.formUnion(refusedNulls($1)) }
            case "NOT_EXPR":
                guard let test = parts.first?["NullTest"], test["nulltesttype"].text == "IS_NULL" else {
                    return []
                }
                return column(test["arg"]).map { [$0] } ?? []
            default:
                guard let first = parts.first else { return [] }
                return parts.dropFirst().reduce(refusedNulls(first)) { $0.intersection(refusedNulls($1)) }
            }
        default: return []
        }
    }

    /// Whether a NULL may make it false instead of NULL, which a CHECK lets pass.
    private static func mayRefuseNull(_ node: SyntaxNode) -> Bool {
        if let (kind, inner) = node.tagged {
            switch kind {
            case "CoalesceExpr", "CaseExpr", "NullTest", "BooleanTest", "FuncCall", "SubLink":
                return kind != "FuncCall" || !strict.contains(name(of: inner))
            case "A_Expr" where inner["kind"].text?.contains("DISTINCT") == true: return true
            case "BoolExpr" where inner["boolop"].text == "OR_EXPR":
                // An arm that takes NULL makes the whole true.
                if inner["args"].items.contains(where: { $0["NullTest"]["nulltesttype"].text == "IS_NULL" }) {
                    return false
                }
            default: break
            }
        }
        return switch node {
        case .list(let items): items.contains(where: mayRefuseNull)
        case .object(let fields): fields.contains { mayRefuseNull($0.value) }
        default: false
        }
    }

    private static func name(of call: SyntaxNode) -> String {
        call["funcname"].items.last?["String"]["sval"].text ?? ""
    }

    private static func column(_ node: SyntaxNode) -> String? {
        node["ColumnRef"]["fields"].items.last?["String"]["sval"].text
    }

    /// Functions that answer NULL to NULL.
    private static let strict: Set = [
        "length", "char_length", "lower", "upper", "btrim", "ltrim", "rtrim", "abs", "substring", "left",
        "right", "jsonb_typeof", "json_typeof", "cardinality", "array_length", "octet_length", "starts_with",
        "position", "strpos", "date_trunc", "extract", "round",
    ]
}

/// Reads how many rows a condition lets through.
enum ReachReader {
    static func reach(_ condition: SyntaxNode) -> Reach {
        if isLimited(condition) { return .limited }
        let columns = bounded(condition)
        return columns.isEmpty ? .any : .bounded(by: columns)
    }

    private static func isLimited(_ node: SyntaxNode) -> Bool {
        switch node {
        case .list(let items): items.contains(where: isLimited)
        case .object(let fields):
            fields.contains { $0.name == "limitCount" || isLimited($0.value) }
        default: false
        }
    }

    private static func bounded(_ node: SyntaxNode) -> Set<String> {
        guard let (kind, inner) = node.tagged else { return [] }
        if kind == "BoolExpr", inner["boolop"].text == "AND_EXPR" {
            let parts = inner["args"].items
            let above = Set(parts.compactMap { compared($0, by: [">", ">="]) })
            let below = Set(parts.compactMap { compared($0, by: ["<", "<="]) })
            return parts.reduce(above.intersection(below)) { $0.union(bounded($1)) }
        }
        switch inner["kind"].text {
        case "AEXPR_IN", "AEXPR_BETWEEN": return compared(node, by: ["=", "BETWEEN"]).map { [$0] } ?? []
        default: return compared(node, by: ["="]).map { [$0] } ?? []
        }
    }

    /// The column that is compared with a given value.
    private static func compared(_ node: SyntaxNode, by operators: Set<String>) -> String? {
        let comparison = node["A_Expr"]
        guard let name = comparison["name"].items.last?["String"]["sval"].text, operators.contains(name)
        else {
            return nil
        }
        // Between columns it bounds nothing.
        guard comparison["rexpr"]["ColumnRef"].isNull else { return nil }
        return comparison["lexpr"]["ColumnRef"]["fields"].items.last?["String"]["sval"].text
    }
}
