import DeployPorts

extension Playbook {
    /// The commands of `run` and `script` that would take a database back to an older schema, or empty it.
    ///
    /// `nil` when there is none. A run that is under way is not asked: its way back must stay open, and what it may
    /// still do was refused or allowed when it began.
    package var waysDown: PlaybookError? {
        guard let root = YAMLReader.read(text, diagnostics: Diagnostics()) else { return nil }
        let found = Self.waysDown(in: root)
        return found.isEmpty ? nil : PlaybookError(path: path, found)
    }

    private static func waysDown(in value: Parameter) -> [Diagnostic] {
        switch value {
        case .scalar: []
        case .list(let items, _): items.flatMap(waysDown)
        case .map(let entries, _): entries.flatMap(waysDown)
        }
    }

    private static func waysDown(in entry: Parameter.Entry) -> [Diagnostic] {
        switch (entry.key, entry.value) {
        case ("run", .list(let items, let position)):
            let words = items.compactMap { if case .scalar(let scalar) = $0 { scalar.text } else { nil } }
            return WayDown.named(in: words).map { [objection($0, position)] } ?? []
        case ("script", .scalar(let scalar)):
            return scalar.text.split(whereSeparator: { $0.isNewline || ";&|()`".contains($0) })
                .filter { !$0.drop { $0.isWhitespace }.hasPrefix("#") }
                .compactMap { line in
                    WayDown.named(in: line.split { $0.isWhitespace || "\"'".contains($0) }.map(String.init))
                }
                .map { objection($0, scalar.position) }
        default: return waysDown(in: entry.value)
        }
    }

    private static func objection(_ command: String, _ position: Position) -> Diagnostic {
        Diagnostic(
            position,
            "`\(command)` would take a database back, and with it what users have written since: a production "
                + "database is never migrated down. Mend it forwards with the next migration, or restore a backup "
                + "beside it; to try the way down on staging, use `rehearse` in `migrate`"
        )
    }
}

/// A tool's command that goes down.
private struct WayDown {
    let program: String
    /// What must follow it, in this order; other words may stand between.
    let words: [String]

    static let all = [
        Self(program: "flask", words: ["db", "downgrade"]),
        Self(program: "alembic", words: ["downgrade"]),
        Self(program: "supabase", words: ["db", "reset", "--linked"]),
        Self(program: "supabase", words: ["db", "reset", "--db-url"]),
        Self(program: "rails", words: ["db:rollback"]),
        Self(program: "rails", words: ["db:migrate:down"]),
        Self(program: "flyway", words: ["undo"]),
        Self(program: "flyway", words: ["clean"]),
        Self(program: "dbmate", words: ["rollback"]),
        Self(program: "dbmate", words: ["drop"]),
        Self(program: "migrate", words: ["down"]),
        Self(program: "migrate", words: ["drop"]),
    ]

    /// Such a command among these words, as it would be typed.
    static func named(in words: [String]) -> String? {
        all.first { $0.isNamed(in: words) }.map { ([$0.program] + $0.words).joined(separator: " ") }
    }

    private func isNamed(in line: [String]) -> Bool {
        guard
            let start = line.firstIndex(where: { $0.split(separator: "/").last.map(String.init) == program })
        else { return false }
        var rest = words[...]
        for word in line[(start + 1)...] where word == rest.first || word.hasPrefix("\(rest.first ?? "")=") {
            rest = rest.dropFirst()
        }
        return rest.isEmpty
    }
}
