internal import MigrationVerdicts
internal import PgQuery

/// Reads names and types.
enum Names {
    /// A `RangeVar`.
    static func relation(_ node: SyntaxNode) -> ObjectName {
        ObjectName(node["relname"].text ?? "", schema: node["schemaname"].text)
    }

    /// A list of strings: the schema, where there is one, and the name.
    static func object(_ parts: [SyntaxNode]) -> ObjectName {
        let words = parts.compactMap { $0["String"]["sval"].text }
        return ObjectName(words.last ?? "", schema: words.count > 1 ? words[words.count - 2] : nil)
    }

    /// A node that names an object, in whatever of the parser's forms.
    static func object(_ node: SyntaxNode) -> ObjectName {
        guard let (kind, inner) = node.tagged else { return ObjectName("") }
        switch kind {
        case "List": return object(inner["items"].items)
        case "ObjectWithArgs": return object(inner["objname"].items)
        case "TypeName": return object(inner["names"].items)
        case "String": return ObjectName(inner["sval"].text ?? "")
        case "RangeVar": return relation(inner)
        default: return ObjectName("")
        }
    }

    static func type(_ node: SyntaxNode) -> ColumnType {
        let words = node["names"].items.compactMap { $0["String"]["sval"].text }
        let schema = words.dropLast().last.map { $0 == "pg_catalog" || $0 == "public" ? "" : "\($0)." } ?? ""
        let modifiers = node["typmods"].items.compactMap { item -> Int? in
            let constant = item["A_Const"]
            // `bpchar` without a length is written as one of an unnamed kind.
            return constant["ival"].isNull ? nil : constant["ival"]["ival"].number ?? 0
        }
        return ColumnType(
            schema + (words.last ?? ""),
            modifiers,
            isArray: !node["arrayBounds"].items.isEmpty
        )
    }

    /// Whether a column of this type, written so, takes numbers from a sequence of its own.
    static func isSerial(_ node: SyntaxNode) -> Bool {
        let name = node["names"].items.last?["String"]["sval"].text ?? ""
        return ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"].contains(name)
    }

    /// A type as `format_type` spells it: `character varying(80)`, `integer[]`.
    static func type(spelled text: String) -> ColumnType {
        var rest = text[...]
        let isArray = rest.hasSuffix("[]")
        while rest.hasSuffix("[]") { rest = rest.dropLast(2) }
        guard let open = rest.firstIndex(of: "("), let close = rest.firstIndex(of: ")"), open < close else {
            return ColumnType(String(rest), isArray: isArray)
        }
        let modifiers = rest[rest.index(after: open)..<close].split(separator: ",").compactMap {
            Int($0.filter { !$0.isWhitespace })
        }
        // `timestamp(3) without time zone`.
        let name = rest[..<open] + rest[rest.index(after: close)...]
        return ColumnType(String(name), modifiers, isArray: isArray)
    }

    static func kind(_ node: SyntaxNode) -> ObjectKind { kinds[node.text ?? ""] ?? .other }

    private static let kinds: [String: ObjectKind] = [
        "OBJECT_TABLE": .table, "OBJECT_VIEW": .view, "OBJECT_MATVIEW": .materializedView,
        "OBJECT_FOREIGN_TABLE": .foreignTable, "OBJECT_INDEX": .index, "OBJECT_SEQUENCE": .sequence,
        "OBJECT_SCHEMA": .schema, "OBJECT_TYPE": .type, "OBJECT_DOMAIN": .domain,
        "OBJECT_FUNCTION": .function, "OBJECT_AGGREGATE": .function, "OBJECT_ROUTINE": .function,
        "OBJECT_PROCEDURE": .procedure, "OBJECT_TRIGGER": .trigger, "OBJECT_POLICY": .policy,
        "OBJECT_RULE": .rule, "OBJECT_DATABASE": .database, "OBJECT_ROLE": .role,
        "OBJECT_COLUMN": .column, "OBJECT_TABCONSTRAINT": .constraint, "OBJECT_ATTRIBUTE": .attribute,
        "OBJECT_EXTENSION": .extension,
    ]
}
