package import DeployCore

/// What a person wants to write down of a run, as it was typed.
package struct RemarkDraft {
    package let texts: [Remark.Kind: [String]]
    /// Of each action.
    package let owner: String?
    package let due: String?

    private static let limit = 10_000

    package init(texts: [Remark.Kind: [String]], owner: String? = nil, due: String? = nil) {
        self.texts = texts
        self.owner = owner
        self.due = due
    }

    /// In the order of their kinds; `.usage` for what cannot be written down, and for nothing at all.
    package func remarks() throws(CommandFailure) -> [Remark] {
        let isForAction = texts[.action]?.isEmpty == false
        if let due, CalendarDay(due) == nil {
            throw CommandFailure(.usage, "due: expected a day such as 2026-12-20, found `\(due)`")
        }
        if owner != nil || due != nil, !isForAction {
            throw CommandFailure(
                .usage,
                "owner and due are an action's: say with `action` what is to be done"
            )
        }
        var found: [Remark] = []
        for kind in Remark.Kind.allCases {
            for text in texts[kind] ?? [] {
                guard text.contains(where: { !$0.isWhitespace }), text.utf8.count <= Self.limit else {
                    let what = text.utf8.count > Self.limit ? "longer than \(Self.limit) bytes" : "empty"
                    throw CommandFailure(.usage, "\(kind.rawValue): the text is \(what)")
                }
                let isAction = kind == .action
                found.append(
                    Remark(kind, text, owner: isAction ? owner : nil, due: isAction ? due : nil)
                )
            }
        }
        guard !found.isEmpty else {
            throw CommandFailure(
                .usage,
                """
                nothing to write down: give a text, --cause, --resolution, --lesson, --impact, --severity, --action or \
                --done
                """
            )
        }
        return found
    }

    /// As the service reads it.
    package var json: JSON {
        var fields: [(String, JSON)] = Remark.Kind.allCases.compactMap { kind in
            let words = texts[kind] ?? []
            return words.isEmpty ? nil : (kind.rawValue, .list(words.map { .text($0) }))
        }
        if let owner { fields.append(("owner", .text(owner))) }
        if let due { fields.append(("due", .text(due))) }
        return .object(fields)
    }
}
