/// The name of a table or of anything else that a schema holds.
package struct ObjectName: Hashable, Sendable, CustomStringConvertible {
    /// `nil` for `public`, where what has no schema of its own goes by default.
    package let schema: String?
    package let name: String

    package init(_ name: String, schema: String? = nil) {
        self.name = name
        self.schema = schema == "public" ? nil : schema
    }

    package var description: String { schema.map { "\($0).\(name)" } ?? name }
}
