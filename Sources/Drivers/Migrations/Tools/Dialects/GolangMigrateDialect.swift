import DeployPorts

/// golang-migrate, by its command line.
///
/// It takes a URL as an argument only. The one that it gets is empty, and its PostgreSQL driver reads the
/// variables of libpq instead.
struct GolangMigrateDialect: ToolDialect {
    /// Of `2_name.up.sql`.
    let folder: String

    var title: String { "golang_migrate \(folder)" }
    private var command: [String] { ["migrate", "-path", folder, "-database", "postgres:///"] }

    func up(_ values: Values) -> [String] { command + ["up"] }

    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]? {
        var variables: [String: String] = [:]
        // Without a host it would take whatever listens here.
        guard let host = database.parameter("host") ?? database.host else { return nil }
        variables["PGHOST"] = host
        variables["PGPORT"] = database.port
        variables["PGUSER"] = database.user
        variables["PGPASSWORD"] = database.password
        variables["PGDATABASE"] = database.database
        variables["PGSSLMODE"] = database.parameter("sslmode")
        return variables
    }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let version = try await version(question)
        let files = ToolFiles(below: folder, in: question.folder)
        let known = files.names.filter { $0.hasSuffix(".up.sql") }
            .compactMap { name in Int(name.prefix { $0.isNumber }).map { (number: $0, name: name) } }
            .sorted { $0.number < $1.number }
        if let version, !known.contains(where: { $0.number == version }) {
            throw ToolFiles.unknownHead("\(version)", title)
        }
        func migrations(_ isWanted: (Int) -> Bool) -> [SchemaOutlook.Migration] {
            known.filter { isWanted($0.number) }
                .map { files.migration(named: "\($0.number)", beginning: $0.name) }
        }
        return SchemaOutlook(
            head: version.map { "\($0)" },
            applied: migrations { $0 <= version ?? -1 },
            pending: migrations { $0 > version ?? -1 }
        )
    }

    /// `3`, or `3 (dirty)` after a failure half-way; `nil` for none.
    private func version(_ question: ToolQuestion) async throws(StepFailure) -> Int? {
        let text: String
        do throws(StepFailure) {
            text = try await question.words(command + ["version"])
        } catch {
            guard error.message.hasSuffix("error: no migration") else { throw error }
            return nil
        }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let number = words.first.flatMap({ Int($0) }) else {
            throw StepFailure("\(title): `version` printed no number", isTransient: false)
        }
        guard words.count == 1 else {
            throw StepFailure(
                "\(title): version \(number) failed half-way (dirty); see what of it is in the database, mend "
                    + "it, and tell the tool by `migrate force`",
                isTransient: false
            )
        }
        return number
    }
}
