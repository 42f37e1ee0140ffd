package import DeployCore

extension Remark {
    /// One line or more for a person: `cause, by ana: a lost index`.
    package func told(by actor: Actor) -> String {
        let what =
            switch kind {
            case .note: "noted"
            case .done: "done"
            case .cause, .resolution, .lesson, .impact, .severity, .action: kind.rawValue
            }
        return "\(what) by \(actor): \(kind == .done ? "action \(text)" : text)\(terms)"
    }

    /// ` (owner: bo, due: 2026-12-20)`; empty where neither is known.
    package var terms: String {
        let parts = [owner.map { "owner: \($0)" }, due.map { "due: \($0)" }].compactMap(\.self)
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }

    package var json: JSON {
        .object([
            ("kind", .text(kind.rawValue)), ("text", .text(text)),
            ("owner", owner.map { .text($0) } ?? .null), ("due", due.map { .text($0) } ?? .null),
        ])
    }
}

extension Command {
    /// `notes`, of the command that brings some.
    package var remarksJSON: [(String, JSON)] {
        guard case .note(let remarks) = self else { return [] }
        return [("notes", .list(remarks.map(\.json)))]
    }
}
