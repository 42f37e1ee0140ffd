/// A type as a statement writes it, with PostgreSQL's short name: `int4`, `varchar`, `order_state`.
package struct ColumnType: Hashable, Sendable, CustomStringConvertible {
    package let name: String
    /// `[10, 2]` of `numeric(10,2)`.
    package let modifiers: [Int]
    package let isArray: Bool

    package init(_ name: String, _ modifiers: [Int] = [], isArray: Bool = false) {
        self.name = Self.aliases[name] ?? name
        self.modifiers = modifiers
        self.isArray = isArray
    }

    private static let aliases = [
        "serial": "int4", "serial4": "int4", "bigserial": "int8", "serial8": "int8", "smallserial": "int2",
        "serial2": "int2", "decimal": "numeric", "integer": "int4", "bigint": "int8", "smallint": "int2",
        "boolean": "bool", "double precision": "float8", "real": "float4", "character varying": "varchar",
        "character": "bpchar", "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
        "time without time zone": "time", "time with time zone": "timetz",
    ]

    package var description: String {
        let list = modifiers.map { "\($0)" }.joined(separator: ",")
        return (Self.spellings[name] ?? name) + (list.isEmpty ? "" : "(\(list))") + (isArray ? "[]" : "")
    }

    private static let spellings = [
        "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean", "bpchar": "char",
        "float8": "double precision", "float4": "real",
    ]
}
