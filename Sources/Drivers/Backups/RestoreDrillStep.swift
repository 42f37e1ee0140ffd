package import DeployCore
package import DeployPorts
import Glibc

/// A backup that is restored to see that it can be, and how fast: the playbook's `restore_drill`.
package struct RestoreDrillStep: StepAction {
    /// A backup, or a folder of them: its newest of this service that is not encrypted.
    let backup: Template
    let server: URLTemplate
    let within: Span
    let isKept: Bool
    let service: String
    /// Of the playbook.
    let folder: String
    let tools: PostgresTools

    package var summary: String { "restore drill of \(backup.source)" }
    package var isReadOnly: Bool { false }
    package var ownDeadline: Span? { within }
    package var references: [Reference] { backup.references + server.references }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let path = try path(attempt)
        let limit = min(within, attempt.deadline).milliseconds
        let drill = RestoreDrill(
            backup: path,
            server: try server.resolved(in: attempt.values),
            owner: attempt.run.rawValue,
            keep: isKept,
            deadline: .milliseconds(limit - min(2000, limit / 20)),
            tools: tools
        )
        let result: RestoreDrill.Result
        do throws(StepFailure) {
            result = try await drill.run(report: attempt.report)
        } catch {
            throw StepFailure("restore drill: \(error.message)", isTransient: error.isTransient)
        }
        let compared = result.isCompared ? "as when it was backed up" : "tables compared, rows not"
        let left = result.left.map { "; it is kept as \($0)" } ?? ""
        let text =
            "\(ByteCount(result.bytes)) with \(result.rows) rows in \(result.tables) tables restored in "
            + "\(result.duration.told), \(compared)\(left): \(path)"
        let milliseconds = "\(Int(result.duration.inSeconds * 1000))"
        var facts = [
            "file": path, "database": result.database, "bytes": "\(result.bytes)", "rows": "\(result.rows)",
            "recovery_ms": milliseconds, "restoring_ms": "\(Int(result.restoring.inSeconds * 1000))",
        ]
        facts["left"] = result.left
        attempt.note(Note(topic: "restore_drill", text: text, facts: facts))
        return StepResult(captures: ["recovery_ms": milliseconds, "file": path], summary: text)
    }

    /// Its database is its own: what a killed drill left is dropped by the next one of the run.
    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation { .neverStarted }

    private func path(_ attempt: StepAttempt) throws(StepFailure) -> String {
        let named = try backup.resolved(in: attempt.values)
        let path = named.hasPrefix("/") ? named : "\(folder)/\(named)"
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw StepFailure("restore drill: \(path) does not exist", isTransient: false)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return path }
        let backups = BackupFolder(path: path.hasSuffix("/") ? String(path.dropLast()) : path)
        let own = backups.manifests().filter { $0.service == service }
        let encrypted = own.prefix(while: \.isEncrypted).count
        guard encrypted < own.count else {
            let which = own.isEmpty ? "" : " that is not encrypted"
            throw StepFailure(
                "restore drill: \(path) has no backup of \(service)\(which)",
                isTransient: false
            )
        }
        if encrypted > 0 {
            let newer = encrypted == 1 ? "1 newer backup is" : "\(encrypted) newer backups are"
            attempt.report("\(newer) encrypted and cannot be restored here")
        }
        return backups.path(of: own[encrypted].file)
    }

    /// The playbook's `restore_drill`.
    package static func kind(tools: PostgresTools = .installed) -> StepKind {
        StepKind(key: "restore_drill", schema: schema, captures: ["recovery_ms", "file"]) {
            value,
            _,
            context,
            diagnostics in
            let before = diagnostics.all.count
            var reader = MapReader(value, "`restore_drill`", diagnostics: diagnostics)
            guard case .map = value else { return nil }
            let backup = reader.required("backup").flatMap { reader.template(of: $0, "backup") }
            let server = reader.required("server").flatMap { URLTemplate.read($0, "server", with: reader) }
            let within = reader.span("within")
            let isKept = reader.flag("keep")
            reader.finish()
            guard let backup, let server, diagnostics.all.count == before else { return nil }
            return RestoreDrillStep(
                backup: backup,
                server: server,
                within: within ?? .minutes(30),
                isKept: isKept ?? false,
                service: context.service,
                folder: context.folder,
                tools: tools
            )
        }
    }

    private static let schema = #"""
        {
          "description": "Restores a backup into a new database of its own, compares it, times it and drops it.",
          "type": "object",
          "additionalProperties": false,
          "required": ["backup", "server"],
          "properties": {
            "backup": { "type": "string", "description": "A backup's file, or a folder of backups: the newest of this service that is not encrypted." },
            "server": { "type": "string", "description": "The URL of a server where a database may be created, from a secret." },
            "within": { "type": "string", "description": "How long it may take; 30m by default." },
            "keep": { "type": "boolean", "description": "Whether the new database stays." }
          }
        }
        """#
}
