import ChildProcesses
import DeployCore
package import DeployPorts
import MigrationVerdicts

/// The gate before a migration: what is pending is judged against the live database before anything of it runs.
///
/// It only looks. Its captures say to a later rollback what the release's migrations mean for the version that
/// it returns to: `compatibility` (the worst, with what a file allows counted as what it is) and `migrations`.
package struct GateStep: StepAction {
    enum Strictness: String {
        case required, advised
    }

    /// What it is when a statement breaks the stable version.
    let compatibility: Strictness
    /// What it is when users would wait for long.
    let locks: Strictness
    let apply: ApplySibling
    /// The playbook's.
    let folder: String

    package var summary: String { "lint \(apply.tool.title)" }
    package var isReadOnly: Bool { true }
    package var references: [Reference] { apply.references }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let (outlook, verdict) = try await look(attempt.values)
        for line in verdict.lines { attempt.report(line) }
        note(verdict, outlook, attempt)
        if let failure = failure(verdict) { throw failure }
        return StepResult(
            captures: [
                "compatibility": verdict.compatibility.rawValue,
                "migrations": outlook.pending.map(\.name).joined(separator: ","),
            ],
            summary: Self.told(verdict, outlook)
        )
    }

    /// What a run would be told now; for plans.
    package func forecast(_ values: Values) async throws(StepFailure) -> GateForecast {
        let (outlook, verdict) = try await look(values)
        return GateForecast(
            pending: outlook.pending.map(\.name),
            summary: Self.told(verdict, outlook),
            lines: verdict.lines,
            report: verdict.report,
            obstacle: failure(verdict)?.message
        )
    }

    // MARK: the verdict

    private func look(_ values: Values) async throws(StepFailure) -> (SchemaOutlook, GateVerdict) {
        let database = try apply.database(values)
        let outlook = try await apply.tool.outlook(database)
        guard !outlook.pending.isEmpty else {
            return (outlook, GateVerdict(report: LintReport(statements: [], mistakes: []), unseen: []))
        }
        return (outlook, try await judged(outlook.pending, database))
    }

    private func judged(
        _ pending: [SchemaOutlook.Migration],
        _ database: MigrationDatabase
    ) async throws(StepFailure) -> GateVerdict {
        let schema: Schema
        do throws(MigrationCatalogueError) {
            schema = try await PostgresCatalogue(url: database.url).schema()
        } catch {
            switch error {
            case .unavailable(let text): throw failure("no look at the database: \(text)", database)
            case .unusable(let text):
                throw failure("no look at the database: \(text)", database, isTransient: false)
            }
        }
        let files = pending.compactMap { migration in
            migration.sql.map { MigrationFile(path: shown(migration), text: $0) }
        }
        do throws(MigrationLinter.Failure) {
            return GateVerdict(
                report: try MigrationLinter(schema: schema).lint(files),
                unseen: pending.filter { $0.sql == nil }.map(\.name)
            )
        } catch {
            let text =
                switch error {
                case .noParser(let reason): reason
                case .schema(let mistake): mistake.message
                }
            throw failure("nothing could be judged: \(text)", database, isTransient: false)
        }
    }

    /// The file below the playbook's folder, whose lines the text has; else the migration's name.
    private func shown(_ migration: SchemaOutlook.Migration) -> String {
        guard let path = migration.path, path.hasSuffix(".sql") else { return migration.name }
        return path.hasPrefix("\(folder)/") ? String(path.dropFirst(folder.count + 1)) : path
    }

    private func failure(
        _ text: String,
        _ database: MigrationDatabase,
        isTransient: Bool = true
    ) -> StepFailure {
        StepFailure(
            Redactor.mask("\(summary): \(text)", secrets: database.values.secrets.values),
            isTransient: isTransient
        )
    }

    private func note(_ verdict: GateVerdict, _ outlook: SchemaOutlook, _ attempt: StepAttempt) {
        attempt.note(
            Note(
                topic: "migration",
                text: Self.told(verdict, outlook),
                facts: [
                    "compatibility": verdict.compatibility.rawValue,
                    "lock": verdict.hazard.rawValue,
                    "pending": "\(outlook.pending.count)",
                    "unseen": "\(verdict.unseen.count)",
                    "suppressed": "\(verdict.suppressions.count)",
                ]
            )
        )
        for line in verdict.suppressions {
            attempt.note(Note(topic: "migration", text: line, facts: ["suppression": line]))
        }
    }

    private static func told(_ verdict: GateVerdict, _ outlook: SchemaOutlook) -> String {
        guard !outlook.pending.isEmpty else { return "nothing is pending" }
        let blind = verdict.unseen.isEmpty ? "" : ", \(verdict.unseen.count) not told as SQL"
        let count = outlook.pending.count == 1 ? "1 migration" : "\(outlook.pending.count) migrations"
        let verdicts =
            "stable version \(verdict.compatibility.rawValue), lock \(verdict.hazard.rawValue)"
        return "\(count)\(blind): \(verdicts)"
    }

    // MARK: stopping

    /// `nil` when the release may go on.
    private func failure(_ verdict: GateVerdict) -> StepFailure? {
        var parts: [String] = []
        if compatibility == .required, !verdict.report.mistakes.isEmpty {
            let list = verdict.report.mistakes.map { "  \($0.file):\($0.line): \($0.message)" }
            parts.append("what cannot be judged:\n" + list.joined(separator: "\n"))
        }
        if compatibility == .required, !verdict.breaking.isEmpty {
            let list = verdict.breaking.map { $0.complaint { $0.compatibility == .breaks } }
            parts.append(
                "the stable version, to which a rollback returns, would not work on the new schema:\n"
                    + list.joined(separator: "\n")
            )
        }
        if locks == .required, !verdict.locking.isEmpty {
            let list = verdict.locking.map { $0.complaint { $0.hazard >= .long } }
            parts.append("users would wait for long:\n" + list.joined(separator: "\n"))
        }
        guard !parts.isEmpty else { return nil }
        let end =
            "nothing was run; change it, or say in the file why it may be so: "
            + "-- bgdeploy: allow RULE because REASON"
        return StepFailure("\(summary): \((parts + [end]).joined(separator: "\n"))", isTransient: false)
    }
}
