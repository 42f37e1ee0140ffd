/// Text that nginx would not load, and where: what the parser found instead of what it needed.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counts from 1.
    package let line: Int
    /// Counts bytes from 1.
    package let column: Int
    /// For a person: `the block "upstream" that opens here is never closed`.
    package let message: String

    package init(line: Int, column: Int, message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    package var description: String { "\(line):\(column): \(message)" }
}
