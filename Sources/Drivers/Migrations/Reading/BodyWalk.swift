internal import MigrationVerdicts
internal import PgQuery

/// Walks through a PL/pgSQL body and notes what it does.
struct BodyWalk {
    /// Of a trigger nothing is passed over that could fail for a row; a `DO` runs once.
    let isTrigger: Bool
    var body = RoutineBody()
    private var guards: Set<String> = []

    init(isTrigger: Bool) { self.isTrigger = isTrigger }

    mutating func read(_ node: SyntaxNode) {
        switch node {
        case .list(let items): for item in items { read(item) }
        case .object(let fields):
            for field in fields where !note(field.name, field.value) { read(field.value) }
        default: break
        }
    }

    /// Whether all of `node` is read.
    private mutating func note(_ kind: String, _ node: SyntaxNode) -> Bool {
        switch kind {
        case "PLpgSQL_stmt_raise":
            // 21 is ERROR of elog.h; EXCEPTION is another word for it.
            read(node["params"])
            guard (node["elog_level"].number ?? 21) >= 21 else { return true }
            body.refusal = "RAISE EXCEPTION" + (node["message"].text.map { " '\($0)'" } ?? "")
        case "PLpgSQL_stmt_assert": body.refusal = "ASSERT"
        case "PLpgSQL_stmt_return":
            let value = Self.query(node["expr"])?.uppercased()
            if value == "NULL" { body.returnsNull = true }
            if isTrigger, !["NEW", "OLD", "NULL"].contains(value) {
                body.unseen.append("returns another row")
            }
        case "PLpgSQL_stmt_if" where isTrigger: readIf(node)
        case "PLpgSQL_stmt_execsql": readSQL(Self.query(node["sqlstmt"]) ?? "")
        case "PLpgSQL_stmt_perform": readSQL(Self.query(node["expr"]) ?? "")
        case "PLpgSQL_stmt_call": body.unseen.append("calls a procedure")
        case "PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors":
            body.unseen.append("runs dynamic SQL, which is made when it runs")
        case "PLpgSQL_stmt_assign": assign(Self.query(node["expr"]) ?? "")
        case "PLpgSQL_expr": evaluate(node["query"].text ?? "")
        default:
            guard isTrigger, kind.hasPrefix("PLpgSQL_stmt_"), kind != "PLpgSQL_stmt_block" else {
                return false
            }
            body.unseen.append("does what the linter does not follow")
        }
        return true
    }

    private static func query(_ node: SyntaxNode) -> String? { node["PLpgSQL_expr"]["query"].text }

    private mutating func readSQL(_ text: String) {
        guard let parsed = try? PgQuery.statements(of: text) else {
            body.unseen.append("runs what is not SQL")
            return
        }
        let bytes = Array(text.utf8)
        body.statements += parsed.map {
            StatementReader.statement($0, text: String(decoding: bytes[$0.range], as: UTF8.self))
        }
    }

    /// An expression does nothing, unless what it calls does or it fails.
    private mutating func evaluate(_ text: String) {
        guard var expression = ExpressionReader.expression(text: text), !isTrigger else {
            body.unseen.append("evaluates what the linter does not read")
            return
        }
        expression.hasQuery = false
        guard !expression.isPlain else { return }
        let functions = expression.functions.sorted().joined(separator: ", ")
        body.unseen.append(
            expression.mayFail ? "evaluates what may fail (a cast or a division)" : "calls \(functions)"
        )
    }

    // MARK: triggers

    private mutating func readIf(_ node: SyntaxNode) {
        branch(Self.query(node["cond"]), node["then_body"])
        for other in node["elsif_list"].items.map({ $0["PLpgSQL_if_elsif"] }) {
            branch(Self.query(other["cond"]), other["stmts"])
        }
        read(node["else_body"])
    }

    private mutating func branch(_ condition: String?, _ statements: SyntaxNode) {
        let before = guards
        if let condition = condition.flatMap(RowExpression.condition) {
            body.columns.formUnion(condition.columns)
            guards.formUnion(condition.changes)
        } else {
            body.unseen.append("decides by what the linter does not read")
        }
        read(statements)
        guards = before
    }

    private mutating func assign(_ text: String) {
        guard isTrigger else {
            let sign = text.firstRange(of: ":=") ?? text.firstRange(of: "=")
            return evaluate(String(text[(sign?.upperBound ?? text.startIndex)...]))
        }
        guard let sign = text.firstRange(of: ":="),
            let column = RowExpression.column(String(text[..<sign.lowerBound]), of: "new"),
            let value = RowExpression.value(String(text[sign.upperBound...]))
        else {
            body.unseen.append("writes what the linter does not follow")
            return
        }
        body.columns.formUnion(value.columns)
        body.assignments.append(
            RowAssignment(
                column: column,
                sources: value.columns,
                keepsOwn: value.first == column,
                isText: value.isText,
                guards: guards
            )
        )
    }
}

/// The few expressions over a trigger's row of which it is known that they do not fail.
enum RowExpression {
    struct Condition {
        var columns: Set<String> = []
        /// Columns of which one must change for it to be true.
        var changes: Set<String> = []
    }

    struct Value {
        var columns: Set<String> = []
        var isText = false
        /// The first column of a `coalesce`.
        var first: String?
    }

    /// `NEW.column`.
    static func column(_ text: String, of row: String) -> String? {
        parsed(text).flatMap { column($0, of: row) }
    }

    static func condition(_ text: String) -> Condition? { parsed(text).flatMap(condition) }
    static func value(_ text: String) -> Value? { parsed(text).flatMap(value) }

    private static func parsed(_ text: String) -> SyntaxNode? {
        guard let statements = try? PgQuery.statements(of: "SELECT \(text)"), statements.count == 1,
            case .parsed(_, let node) = statements[0].content, node["fromClause"].isNull,
            node["targetList"].items.count == 1
        else { return nil }
        return node["targetList"].items[0]["ResTarget"]["val"]
    }

    private static func column(_ node: SyntaxNode, of row: String? = nil) -> String? {
        let words = node["ColumnRef"]["fields"].items.compactMap { $0["String"]["sval"].text }
        guard words.count == 2, row.map({ $0 == words[0] }) ?? ["new", "old"].contains(words[0]) else {
            return nil
        }
        return words[1]
    }

    private static func condition(_ node: SyntaxNode) -> Condition? {
        guard let (kind, inner) = node.tagged else { return nil }
        switch kind {
        case "NullTest": return column(inner["arg"]).map { Condition(columns: [$0]) }
        case "BoolExpr":
            let parts = inner["args"].items.map(condition)
            guard !parts.contains(where: { $0 == nil }) else { return nil }
            var all = Condition()
            let isAnd = inner["boolop"].text == "AND_EXPR"
            for part in parts.compactMap({ $0 }) {
                all.columns.formUnion(part.columns)
                if isAnd { all.changes.formUnion(part.changes) }
            }
            return all
        case "A_Expr":
            if inner["kind"].text == "AEXPR_DISTINCT", let new = column(inner["lexpr"]),
                new == column(inner["rexpr"])
            {
                return Condition(columns: [new], changes: [new])
            }
            let name = inner["lexpr"]["ColumnRef"]["fields"].items.last?["String"]["sval"].text
            let isConstant = !inner["rexpr"]["A_Const"].isNull
            return name == "tg_op" && isConstant ? Condition() : nil
        default: return nil
        }
    }

    private static func value(_ node: SyntaxNode) -> Value? {
        if let name = column(node) { return Value(columns: [name]) }
        guard let (kind, inner) = node.tagged else { return nil }
        switch kind {
        case "CoalesceExpr": return joined(inner["args"].items, isText: false)
        case "FuncCall":
            let name = inner["funcname"].items.last?["String"]["sval"].text ?? ""
            guard texts.contains(name) else { return nil }
            // Positions and lengths are numbers.
            return joined(inner["args"].items.filter { $0["A_Const"]["ival"].isNull }, isText: true)
        case "A_Const":
            return inner["sval"].isNull ? nil : Value(isText: true)
        default: return nil
        }
    }

    private static func joined(_ nodes: [SyntaxNode], isText: Bool) -> Value? {
        let parts = nodes.map(value)
        guard !parts.contains(where: { $0 == nil }) else { return nil }
        var all = Value(isText: isText, first: isText ? nil : nodes.first.flatMap { column($0, of: "new") })
        for part in parts.compactMap({ $0 }) {
            all.columns.formUnion(part.columns)
            all.isText = all.isText || part.isText
        }
        return all
    }

    private static let texts: Set = [
        "lower", "upper", "btrim", "ltrim", "rtrim", "split_part", "concat", "concat_ws", "initcap",
        "replace",
    ]
}
