import DeployPorts

/// Rails, whose Active Record prefers `DATABASE_URL` to `config/database.yml`.
///
/// Its migrations are Ruby: of their SQL nothing is known.
struct RailsDialect: ToolDialect {
    /// `bin/rails`.
    let program: String

    var title: String { "rails \(program)" }

    func up(_ values: Values) -> [String] { [program, "db:migrate"] }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let text = try await question.output([program, "db:migrate:status"])
        var (applied, pending): ([SchemaOutlook.Migration], [SchemaOutlook.Migration]) = ([], [])
        var newest = ""
        for line in text.split(whereSeparator: \.isNewline) {
            // `   up     20240102000000  Add email`
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, words[1].allSatisfy(\.isNumber) else { continue }
            let migration = SchemaOutlook.Migration(name: String(words[1]))
            let isKnown = !words[2].contains("NO FILE")
            if isKnown { newest = max(newest, migration.name) }
            switch words[0] {
            case "up": applied.append(migration)
            case "down": pending.append(migration)
            default: break
            }
        }
        if let head = applied.last?.name, head > newest { throw ToolFiles.unknownHead(head, title) }
        return SchemaOutlook(head: applied.last?.name, applied: applied, pending: pending)
    }
}
