internal import MigrationVerdicts
internal import PgQuery

/// Reads functions and the PL/pgSQL in them.
enum RoutineReader {
    static func routine(_ node: SyntaxNode, text: String) -> RoutineDefinition {
        let inputs = node["parameters"].items.map { $0["FunctionParameter"] }.filter {
            !["FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"].contains($0["mode"].text)
        }
        let language = option("language", of: node)["String"]["sval"].text?.lowercased()
        let returnsTrigger = Names.type(node["returnType"]).name == "trigger"
        return RoutineDefinition(
            name: Names.object(node["funcname"].items),
            parameters: inputs.map { Names.type($0["argType"]) },
            defaults: inputs.count { !$0["defexpr"].isNull },
            returnsTrigger: returnsTrigger,
            replaces: node["replace"].isTrue,
            body: returnsTrigger && language == "plpgsql" ? trigger(text) : nil
        )
    }

    /// The body of a `DO`.
    static func block(_ text: String) -> RoutineBody {
        body(text)
            ?? {
                var body = RoutineBody()
                body.unseen = ["is in a language or a form that the linter does not read"]
                return body
            }()
    }

    private static func option(_ name: String, of node: SyntaxNode) -> SyntaxNode {
        node["options"].items.map { $0["DefElem"] }.first { $0["defname"].text == name }?["arg"] ?? .null
    }

    /// The body of a trigger's function; `nil` when it cannot be read.
    static func trigger(_ text: String) -> RoutineBody? {
        guard let tree = tree(text) else { return nil }
        var walk = BodyWalk(isTrigger: true)
        for function in tree {
            walk.read(function["action"])
            if function["datums"].items.contains(where: { !$0["PLpgSQL_var"]["default_val"].isNull }) {
                walk.body.unseen.append("computes variables")
            }
            let last = function["action"]["PLpgSQL_stmt_block"]["body"].items.last ?? .null
            if last["PLpgSQL_stmt_return"]["expr"].isNull {
                walk.body.unseen.append("may end without RETURN")
            }
        }
        return walk.body
    }

    private static func body(_ text: String) -> RoutineBody? {
        guard let tree = tree(text) else { return nil }
        var walk = BodyWalk(isTrigger: false)
        for function in tree { walk.read(function["action"]) }
        return walk.body
    }

    private static func tree(_ text: String) -> [SyntaxNode]? {
        guard let tree = try? PgQuery.body(of: text), !tree.items.isEmpty else { return nil }
        return tree.items.map { $0["PLpgSQL_function"] }
    }
}
