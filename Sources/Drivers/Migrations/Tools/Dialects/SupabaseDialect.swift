import DeployPorts

/// The Supabase CLI, on the project that its folder is linked with.
///
/// Its URL cannot be given but as an argument, so it goes by the link; of ours only the password is used.
struct SupabaseDialect: ToolDialect {
    /// The folder that has `supabase/`.
    let folder: String

    var title: String { "supabase \(folder)" }
    private var command: [String] { ["supabase", "--workdir", folder] }

    func up(_ values: Values) -> [String] { command + ["--yes", "db", "push"] }

    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]? {
        database.password.map { ["SUPABASE_DB_PASSWORD": $0] } ?? [:]
    }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let text = try await question.output(command + ["migration", "list"])
        let rows = Self.rows(text)
        let newest = rows.compactMap(\.local).max() ?? ""
        if let head = rows.compactMap(\.remote).max(), head > newest {
            throw ToolFiles.unknownHead(head, title)
        }
        let files = ToolFiles(below: "\(folder)/supabase/migrations", in: question.folder)
        return SchemaOutlook(
            head: rows.compactMap(\.remote).last,
            applied: rows.compactMap(\.remote).map { SchemaOutlook.Migration(name: $0) },
            pending: rows.filter { $0.remote == nil }.compactMap(\.local)
                .map { files.migration(named: $0, beginning: "\($0)_") }
        )
    }

    /// `    20230102       │                │ 2023-01-02 00:00:00`, with one of three kinds of bars.
    static func rows(_ text: String) -> [(local: String?, remote: String?)] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let cells = line.split(omittingEmptySubsequences: false) { "│|¦".contains($0) }
                .map { $0.filter { !$0.isWhitespace && $0 != "`" } }
            let versions = cells.prefix(2).map { $0.isEmpty ? nil : $0 }
            guard cells.count >= 3, versions.contains(where: { $0 != nil }),
                versions.allSatisfy({ $0?.allSatisfy(\.isNumber) ?? true })
            else { return nil }
            return (versions[0], versions[1])
        }
    }
}
