package import DeployPorts

/// Every mistake of one playbook; nothing was begun.
package struct PlaybookError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As the user named it.
    package let path: String
    /// In the order of their places; each place and message once.
    package let diagnostics: [Diagnostic]

    package init(path: String, _ diagnostics: [Diagnostic]) {
        self.path = path
        var seen: Set<Diagnostic> = []
        self.diagnostics = diagnostics.filter { seen.insert($0).inserted }.enumerated()
            .sorted { ($0.element.position, $0.offset) < ($1.element.position, $1.offset) }
            .map(\.element)
    }

    /// One `file:line:column: message` each, as compilers write it and editors read it.
    package var lines: [String] { diagnostics.map { $0.line(in: path) } }

    package var description: String { lines.joined(separator: "\n") }
}

extension Diagnostic {
    /// As compilers write it: `file:line:column: message`, or `file: message` for what has no place.
    ///
    /// One line, whatever the file holds: control characters are escaped, and a long text is cut.
    package func line(in path: String) -> String {
        let place = position == .unknown ? path : "\(path):\(position.line):\(position.column)"
        return "\(place): \(Self.printable(message))"
    }

    private static func printable(_ message: String) -> String {
        let limit = 600
        var text = ""
        for scalar in message.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse:
                text += scalar.escaped(asASCII: true)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return message.unicodeScalars.count > limit ? text + "…" : text
    }
}
