import ChildProcesses
package import DeployCore
package import DeployPorts
import PostgresClient

/// A verified dump of a PostgreSQL database: the playbook's `backup`.
package struct BackupStep: StepAction {
    enum Verification: String, Hashable, Sendable {
        /// Its list names every table, and every byte can be read.
        case list
        /// Restored into a database of its own, its rows are those of the moment of the dump.
        case restore
    }

    let url: URLTemplate
    /// As the playbook has it.
    let target: Template
    let verification: Verification
    /// The server for `verify: restore`; `nil` for the same one.
    let scratch: URLTemplate?
    /// How old the backups before this one may get; `nil` keeps all.
    let age: Span?
    /// From standard input to standard output; `nil` for none.
    let encryption: [Template]?
    /// `${file}` stands for the finished file; `nil` for none.
    let upload: [Template]?
    let service: String
    /// Of the playbook.
    let folder: String
    let tools: PostgresTools

    package var summary: String {
        let check = verification == .restore ? ", restored into a scratch database" : ""
        return "backup to \(target.source)\(check)"
    }

    package var isReadOnly: Bool { false }
    /// A dump takes its time: where the playbook says nothing it has an hour.
    package var ownDeadline: Span? { .minutes(60) }

    package var references: [Reference] {
        let commands = ((encryption ?? []) + (upload ?? [])).flatMap(\.references)
        return url.references + target.references + (scratch?.references ?? [])
            + commands.filter { $0.name != Self.fileReference }
    }

    static let fileReference = "file"

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let url = try url.resolved(in: attempt.values)
        let scratch = try scratch?.resolved(in: attempt.values)
        let passwords = [url, scratch].compactMap { $0.flatMap { (try? PostgresAddress($0))?.password } }
        let redactor = Redactor(secrets: Array(attempt.values.secrets.values) + passwords)
        do throws(StepFailure) {
            let work = BackupWork(
                step: self,
                attempt: attempt,
                server: try DatabaseServer(url: url),
                scratch: try scratch.map { text throws(StepFailure) in try DatabaseServer(url: text) },
                folder: BackupFolder(path: try path(attempt.values))
            )
            return try await work.run()
        } catch {
            throw StepFailure(redactor.masked("backup: \(error.message)"), isTransient: error.isTransient)
        }
    }

    /// A dump with the manifest of this attempt is done; anything else of it goes, and it may begin anew.
    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        guard let path = try? path(attempt.values) else { return .neverStarted }
        let folder = BackupFolder(path: path)
        let finished = folder.manifests().first { manifest in
            manifest.run == attempt.run.rawValue && manifest.step == attempt.step.rawValue
                && manifest.attempt == attempt.number && manifest.isComplete
        }
        if let finished { return .ended(Self.result(finished, in: folder)) }
        folder.removeUnfinished(of: attempt.run.rawValue)
        return .neverStarted
    }

    private func path(_ values: Values) throws(StepFailure) -> String {
        var path = try target.resolved(in: values)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }

    static func result(_ manifest: BackupManifest, in folder: BackupFolder) -> StepResult {
        let path = folder.path(of: manifest.file)
        let isRestored = manifest.verified == Verification.restore.rawValue
        let how = isRestored ? "restored and compared" : "read in full"
        let took = Duration.milliseconds(manifest.milliseconds)
        return StepResult(
            captures: ["file": path, "sha256": manifest.sha256],
            summary: "\(ByteCount(manifest.bytes)) of \(manifest.tables) tables in \(took.told), \(how): "
                + path
        )
    }
}
