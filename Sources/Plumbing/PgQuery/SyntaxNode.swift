/// A node of a parse tree, as libpg_query writes it: what is zero, false or absent is left out of it.
package enum SyntaxNode: Hashable, Sendable {
    case null
    case flag(Bool)
    case number(Int)
    case text(String)
    case list([SyntaxNode])
    case object([Field])

    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: SyntaxNode
    }

    /// A field of an object; `.null` when there is none.
    package subscript(_ name: String) -> SyntaxNode {
        guard case .object(let fields) = self else { return .null }
        // Objects are small, so looking at each is faster than hashing.
        for field in fields where field.name == name { return field.value }
        return .null
    }

    package var text: String? { if case .text(let text) = self { text } else { nil } }
    package var number: Int? { if case .number(let number) = self { number } else { nil } }
    package var isTrue: Bool { self == .flag(true) }
    package var isNull: Bool { self == .null }
    package var items: [SyntaxNode] { if case .list(let items) = self { items } else { [] } }
    package var fields: [Field] { if case .object(let fields) = self { fields } else { [] } }

    /// The kind of a node that stands in an object of its own, and the node: `{"ColumnRef": {…}}`.
    package var tagged: (kind: String, node: SyntaxNode)? {
        guard case .object(let fields) = self, fields.count == 1 else { return nil }
        return (fields[0].name, fields[0].value)
    }
}
