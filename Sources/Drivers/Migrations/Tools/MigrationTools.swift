import DeployPorts

/// The tools that `apply` may name.
enum MigrationTools {
    /// By key; `command` is read apart.
    private static let makers: [(key: String, make: @Sendable (String, ToolLaunch) -> any MigrationTool)] = [
        ("sql", { SQLFolder(folder: $1.path($0), title: "sql \($0)") }),
        ("alembic", { CommandTool(dialect: AlembicDialect.alembic($0), launch: $1) }),
        ("flask", { CommandTool(dialect: AlembicDialect.flask($0), launch: $1) }),
        ("flyway", { CommandTool(dialect: FlywayDialect(source: $0), launch: $1) }),
        ("django", { CommandTool(dialect: DjangoDialect(program: $0), launch: $1) }),
        ("rails", { CommandTool(dialect: RailsDialect(program: $0), launch: $1) }),
        ("supabase", { CommandTool(dialect: SupabaseDialect(folder: $0), launch: $1) }),
        ("dbmate", { CommandTool(dialect: DbmateDialect(folder: $0), launch: $1) }),
        ("golang_migrate", { CommandTool(dialect: GolangMigrateDialect(folder: $0), launch: $1) }),
    ]

    /// Every key that names a tool.
    static let keys = makers.map(\.key) + ["command"]

    /// Takes the tool's key, and the keys that only this tool has, out of `reader`; reports every mistake.
    static func tool(
        from reader: inout MapReader,
        _ context: StepContext,
        supervisor: String
    ) -> (any MigrationTool)? {
        let launch = ToolLaunch(folder: context.folder, supervisor: supervisor)
        var found: [(key: String, tool: (any MigrationTool)?)] = []
        for maker in makers {
            guard let value = reader.optional(maker.key) else { continue }
            found.append((maker.key, argument(value, maker.key, reader).map { maker.make($0, launch) }))
        }
        if let value = reader.optional("command") {
            let dialect = CommandDialect.read(value, reader.diagnostics)
            found.append(("command", dialect.map { CommandTool(dialect: $0, launch: launch) }))
        }
        guard found.count == 1 else {
            let list = found.isEmpty ? "none" : found.map { "`\($0.key)`" }.joined(separator: " and ")
            reader.diagnostics.report(
                reader.position,
                "`apply` needs one tool that migrates, found \(list); there are \(keys.joined(separator: ", "))"
            )
            return nil
        }
        return found[0].tool
    }

    /// A path or an app: a text that no tool can take for an option.
    private static func argument(_ value: Parameter, _ key: String, _ reader: MapReader) -> String? {
        guard let text = reader.text(of: value, key) else { return nil }
        guard !text.isEmpty, !text.hasPrefix("-"), !text.contains("${") else {
            reader.diagnostics.report(
                value.position,
                "`\(key)` must be a path or a name without `${…}`, found \(value.kindDescription)"
            )
            return nil
        }
        return text
    }
}

extension ToolLaunch {
    /// `path` below the playbook's folder, unless it is absolute.
    fileprivate func path(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
}
