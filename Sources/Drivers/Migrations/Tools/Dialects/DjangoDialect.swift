import DeployPorts

/// Django, by `manage.py`; its settings must read `DATABASE_URL`.
struct DjangoDialect: ToolDialect {
    /// `manage.py`.
    let program: String

    var title: String { "django \(program)" }
    private var command: [String] { ["python3", program] }

    func up(_ values: Values) -> [String] { command + ["migrate", "--noinput"] }

    func outlook(_ question: ToolQuestion) async throws(StepFailure) -> SchemaOutlook {
        let text = try await question.output(command + ["showmigrations", "--plan"])
        let (applied, pending) = ToolFiles.checklist(text)
        var migrations: [SchemaOutlook.Migration] = []
        for name in pending {
            migrations.append(SchemaOutlook.Migration(name: name, sql: await sql(of: name, question)))
        }
        return SchemaOutlook(
            head: applied.last,
            applied: applied.map { SchemaOutlook.Migration(name: $0) },
            pending: migrations
        )
    }

    /// `nil` for what Python does, and for what Django cannot write down.
    private func sql(of name: String, _ question: ToolQuestion) async -> String? {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        do throws(StepFailure) {
            let text = try await question.output(command + ["sqlmigrate"] + parts)
            return text.contains("CANNOT BE WRITTEN AS SQL") ? nil : text
        } catch {
            return nil
        }
    }
}
