/// A section of any kind, for those who look for more than servers and weights.
package struct SectionView: Hashable, Sendable {
    /// `frontend`, `backend`, `listen`, `defaults`, `global` and others.
    package let keyword: String
    /// Empty where the head has none.
    package let name: String
    /// Of the head; counts from 1.
    package let line: Int
    /// With the head's words.
    package let head: StatementView
    package let statements: [StatementView]
    /// The last `mode` from here or from the section's `defaults`; HAProxy's own default is `tcp`.
    package let mode: String
    /// The last `default_backend` from here or from the section's `defaults`.
    package let defaultBackend: String?
}

/// A line that says something.
package struct StatementView: Hashable, Sendable {
    /// As HAProxy understands them, variables left as they are.
    package let words: [String]
    /// As they stand in the file, quotes and escapes included.
    package let rawWords: [[UInt8]]
    /// Counts from 1.
    package let line: Int
    /// Stands between `.if` and `.endif`.
    package let isConditional: Bool

    package var keyword: String { words.first ?? "" }
    /// The word at `index`, or the empty text.
    package func word(_ index: Int) -> String { index < words.count ? words[index] : "" }
}

extension HAProxyConfiguration {
    /// Every section in file order; the statements of other backends than `backend` are left out.
    package func sectionViews(backend wanted: String) -> [SectionView] {
        var views: [SectionView] = []
        var lastDefaults: SectionView?
        var namedDefaults: [String: SectionView] = [:]
        for section in sections {
            let head = view(statements[section.head])
            let isOther = section.kind == .backend && head.word(1) != wanted
            let own = isOther ? [] : section.statements.map { view(statements[$0]) }
            // A `defaults` section without `from` begins anew.
            var inherited = head.keyword == "defaults" ? nil : lastDefaults
            if let from = head.words.firstIndex(of: "from") { inherited = namedDefaults[head.word(from + 1)] }
            let section = SectionView(
                keyword: head.keyword,
                name: head.word(1) == "from" ? "" : head.word(1),
                line: head.line,
                head: head,
                statements: own,
                mode: own.last { $0.keyword == "mode" }?.word(1) ?? inherited?.mode ?? "tcp",
                defaultBackend: own.last { $0.keyword == "default_backend" }?.word(1)
                    ?? inherited?.defaultBackend
            )
            views.append(section)
            guard section.keyword == "defaults" else { continue }
            lastDefaults = section
            namedDefaults[section.name] = section
        }
        return views
    }

    private func view(_ statement: Statement) -> StatementView {
        StatementView(
            words: statement.words.map(text(of:)),
            rawWords: statement.words.map { Array(bytes[words[$0].range]) },
            line: statement.line,
            isConditional: statement.isConditional
        )
    }
}
