import DeployPorts
import PgQuery

/// Flyway, by its command line.
struct FlywayDialect: ToolDialect {
    /// A folder of `V2__name.sql`, or a `.conf` or `.toml` file.
    let source: String

    var title: String { "flyway \(source)" }

    private var command: [String] {
        let isSettings = source.hasSuffix(".conf") || source.hasSuffix(".toml")
        return ["flyway", isSettings ? "-configFiles=\(source)" : "-locations=filesystem:\(source)"]
    }

    func up(_ values: Values) -> [String] { command + ["migrate"] }

    /// JDBC takes user and password apart, and nothing of `PGAPPNAME` and `PGOPTIONS`.
    func variables(
        for database: DatabaseURL,
        named name: String,
        _ limits: MigrationLimits
    ) -> [String: String]? {
        // A socket it cannot reach, and without a host it would take this one's.
        guard database.host != nil else { return nil }
        let own = [
            DatabaseURL.Parameter(name: "ApplicationName", value: name),
            DatabaseURL.Parameter(name: "options", value: limits.options.joined(separator: " ")),
        ]
        let jdbc = database.withoutCredentials(adding: own)
        var variables = ["FLYWAY_URL": "jdbc:" + jdbc.text(scheme: "postgresql")]
        variables["FLYWAY_USER"] = database.user
        variables["FLYWAY_PASSWORD"] = database.password
        return variables
    }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let text = try await question.output(command + ["info", "-outputType=json"])
        guard let start = text.firstIndex(of: "{"),
            let document = try? SyntaxNode(json: String(text[start...]))
        else {
            throw StepFailure("\(title): `info -outputType=json` printed no JSON", isTransient: false)
        }
        var (applied, pending): ([SchemaOutlook.Migration], [SchemaOutlook.Migration]) = ([], [])
        // An undo is a row of its own, behind the one that it has undone.
        for item in document["migrations"].items where item["category"].text != "Undo" {
            let name = Self.name(of: item)
            let path = item["filepath"].text.flatMap { $0.isEmpty ? nil : $0 }
            switch item["state"].text ?? "" {
            case "Success", "Out of Order", "Baseline", "Missing", "Ignored (Baseline)", "Superseded",
                "Outdated":
                applied.append(SchemaOutlook.Migration(name: name, path: path))
            case "Pending":
                let sql = path.flatMap { ToolFiles.text(at: $0, in: question.folder) }
                pending.append(SchemaOutlook.Migration(name: name, path: path, sql: sql))
            case let state where state.hasPrefix("Failed"):
                throw StepFailure(
                    "\(title): version \(name) failed half-way (\(state)); see what of it is in the database, "
                        + "mend it, and let `flyway repair` take it out of the history",
                    isTransient: false
                )
            case let state where state.hasPrefix("Future"): throw ToolFiles.unknownHead(name, title)
            case "Ignored": throw ignored(name)
            // What was undone, or has changed since it was applied, is told a second time: as pending.
            default: break
            }
        }
        return SchemaOutlook(head: applied.last?.name, applied: applied, pending: pending)
    }

    private func ignored(_ name: String) -> StepFailure {
        StepFailure(
            "\(title): version \(name) is not applied, and a newer one is: `flyway migrate` would leave it out, or "
                + "refuse to run. See whether the newer ones go without it; then rename it so that it comes after "
                + "them, or set outOfOrder in flyway's settings",
            isTransient: false
        )
    }

    /// The version; a repeatable one has none, and is told by what it does.
    private static func name(of item: SyntaxNode) -> String {
        let version = item["version"].text ?? ""
        return version.isEmpty ? item["description"].text ?? "?" : version
    }
}
