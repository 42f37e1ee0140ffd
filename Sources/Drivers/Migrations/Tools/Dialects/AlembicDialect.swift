import DeployPorts

/// Alembic, and Flask-Migrate, which is Alembic behind `flask db`.
///
/// Its `env.py` must read `DATABASE_URL`.
struct AlembicDialect: ToolDialect {
    let title: String
    /// What stands before `upgrade` and `current`.
    let command: [String]

    static func alembic(_ settings: String) -> Self {
        Self(title: "alembic \(settings)", command: ["alembic", "-c", settings])
    }

    static func flask(_ app: String) -> Self {
        Self(title: "flask \(app)", command: ["flask", "--app", app, "db"])
    }

    func up(_ values: Values) -> [String] { command + ["upgrade", "head"] }

    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]? {
        // SQLAlchemy knows no `postgres://`.
        guard database.scheme == "postgres" else { return [:] }
        return ["DATABASE_URL": database.text(scheme: "postgresql")]
    }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let history = Self.history(try await question.output(command + ["history", "-v"]))
        let heads = Self.heads(try await question.output(command + ["current"]), in: history)
        let applied = Self.ancestors(of: heads, in: history)
        let texts = try await sql(from: heads, question)
        func migration(_ revision: Revision) -> SchemaOutlook.Migration {
            SchemaOutlook.Migration(name: revision.name, path: revision.path, sql: texts[revision.name])
        }
        return SchemaOutlook(
            head: heads.isEmpty ? nil : heads.joined(separator: ", "),
            applied: history.filter { applied.contains($0.name) }.map(migration),
            pending: history.filter { !applied.contains($0.name) }.map(migration)
        )
    }

    // MARK: what it prints

    struct Revision: Hashable {
        let name: String
        var parents: [String] = []
        var path: String?
    }

    /// The first word of each line of `current`: `a1b2 (head)`.
    ///
    /// Alembic fails at a revision that it does not know, so every other line is what `env.py` has printed.
    static func heads(_ text: String, in history: [Revision]) -> [String] {
        text.split(whereSeparator: \.isNewline)
            .compactMap { $0.split(separator: " ").first.map(String.init) }
            .filter { word in history.contains { $0.name == word } }
    }

    /// What `history -v` lists, the oldest first.
    static func history(_ text: String) -> [Revision] {
        var revisions: [Revision] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let halves = line.split(separator: ": ", maxSplits: 1)
            // What a person wrote of a revision is indented.
            guard halves.count == 2, !line.hasPrefix(" ") else { continue }
            let value = halves[1]
            switch halves[0] {
            case "Rev":
                guard let name = value.split(separator: " ").first else { continue }
                revisions.append(Revision(name: String(name)))
            case "Parent", "Merges":
                guard let last = revisions.indices.last else { continue }
                revisions[last].parents = value.split(whereSeparator: { $0 == "," || $0 == " " })
                    .map(String.init).filter { $0 != "<base>" }
            case "Path":
                guard let last = revisions.indices.last else { continue }
                revisions[last].path = String(value)
            default: break
            }
        }
        return revisions.reversed()
    }

    static func ancestors(of heads: [String], in history: [Revision]) -> Set<String> {
        let parents = Dictionary(history.map { ($0.name, $0.parents) }) { first, _ in first }
        var found: Set<String> = []
        var rest = heads
        while let next = rest.popLast() {
            if found.insert(next).inserted { rest += parents[next] ?? [] }
        }
        return found
    }

    // MARK: as SQL

    /// The SQL of what is pending, by revision; what Alembic cannot write down is not in it.
    private func sql(
        from heads: [String],
        _ question: ToolQuestion
    ) async throws(StepFailure) -> [String: String] {
        guard heads.count <= 1 else { return [:] }
        let range = heads.first.map { "\($0):head" } ?? "head"
        do throws(StepFailure) {
            return Self.sections(try await question.output(command + ["upgrade", range, "--sql"]))
        } catch {
            // Offline mode is an ability of `env.py` and of each migration, and many do without.
            return [:]
        }
    }

    /// Takes `upgrade --sql` apart at `-- Running upgrade a1 -> b2`.
    ///
    /// Alembic's own accounts are left out. The whole is one transaction, and so is each part.
    static func sections(_ text: String) -> [String: String] {
        var sections: [String: [Substring]] = [:]
        var current: String?
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if line.hasPrefix("-- Running upgrade "), let arrow = line.firstRange(of: " -> ") {
                current = line[arrow.upperBound...].split(separator: " ").first.map(String.init)
                continue
            }
            guard let name = current, !isAccount(line) else { continue }
            sections[name, default: []].append(line)
        }
        return sections.mapValues { lines in "BEGIN;\n" + lines.joined(separator: "\n") }
    }

    private static func isAccount(_ line: Substring) -> Bool {
        ["INSERT INTO", "UPDATE", "DELETE FROM"].contains { line.hasPrefix("\($0) alembic_version ") }
    }
}
