package import DeployCore

/// Why a text is no version that this playbook releases.
package struct VersionRefused: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

extension Playbook {
    /// Checks what a user or a program gave as the version; nothing of `text` is used when this throws.
    package func version(_ text: String) throws(VersionRefused) -> Version {
        guard let version = Version(rawValue: text) else {
            let shown = text.unicodeScalars.prefix(64).map { $0.escaped(asASCII: true) }.joined()
            throw VersionRefused(
                description:
                    "`\(shown)` is not a version: it must be 1 to 64 letters, digits, `.`, `_`, `+` or `-`, "
                    + "a letter or digit first"
            )
        }
        // Compiled here because a compiled expression cannot be shared between threads.
        guard let versionPattern, let expression = try? Regex(versionPattern) else { return version }
        guard (try? expression.wholeMatch(in: text)) != nil else {
            throw VersionRefused(
                description: "`\(text)` does not match the playbook's `version_pattern` `\(versionPattern)`"
            )
        }
        return version
    }
}
