import DeployPorts

/// dbmate, which reads `DATABASE_URL` by itself.
struct DbmateDialect: ToolDialect {
    /// Of files with a `-- migrate:up` section.
    let folder: String

    var title: String { "dbmate \(folder)" }
    private var command: [String] { ["dbmate", "--migrations-dir", folder, "--no-dump-schema"] }

    /// Not its `up`, which would make a database that is not there.
    func up(_ values: Values) -> [String] { command + ["migrate"] }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let (applied, pending) = ToolFiles.checklist(try await question.output(command + ["status"]))
        let files = ToolFiles(below: folder, in: question.folder)
        return SchemaOutlook(
            head: applied.last,
            applied: applied.map { SchemaOutlook.Migration(name: $0) },
            pending: pending.map { files.migration(named: $0, beginning: $0) }
        )
    }
}
