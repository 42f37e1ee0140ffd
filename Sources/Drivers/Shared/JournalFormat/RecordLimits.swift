package import DeployPorts

/// What a document may be, so that every store can keep it.
package enum RecordLimits {
    private static let name = 200
    private static let value = 1 << 20

    /// Throws `.unavailable` for a document that is none.
    package static func check(_ kind: Record.Kind, _ key: String, _ text: String) throws(RunStoreError) {
        for (title, part, limit) in [
            ("kind", kind.rawValue, name), ("key", key, name), ("value", text, value),
        ] {
            // PostgreSQL keeps no NUL in a text.
            guard part.utf8.count <= limit, !part.utf8.contains(0) else {
                throw .unavailable(
                    """
                    a document's \(title) may have \(limit) bytes and no NUL, not \(part.utf8.count) bytes; \
                    nothing was written
                    """
                )
            }
        }
    }
}
