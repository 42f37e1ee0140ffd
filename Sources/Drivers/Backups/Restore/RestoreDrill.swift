import ChildProcesses
package import DeployPorts
import PostgresClient
import SafeFile

/// Proof that a backup can be restored, and how long that takes: into a new database of its own, which goes again.
package struct RestoreDrill: Sendable {
    package struct Result: Hashable, Sendable {
        /// The manifest's name of the database that was backed up.
        package let database: String
        package let bytes: Int
        package let tables: Int
        package let rows: Int
        /// Whether rows and samples were compared with those of the moment of the backup; else only tables were.
        package let isCompared: Bool
        package let checking: Duration
        package let restoring: Duration
        package let comparing: Duration
        /// The new database, where it is still there.
        package let left: String?

        /// From the first byte read to the last row counted.
        package var duration: Duration { checking + restoring + comparing }
    }

    private let path: String
    private let url: String
    private let owner: String
    private let isKept: Bool
    private let deadline: Duration
    private let tools: PostgresTools

    /// - Parameters:
    ///   - path: a backup with its manifest beside it.
    ///   - url: a server where a database may be created; the database that it names is only connected to.
    ///   - owner: a word that no one else uses, such as the run: what it left before is dropped.
    ///   - keep: whether the new database stays for somebody to look at.
    ///   - deadline: for everything but dropping the database.
    ///   - tools: PostgreSQL's programs.
    package init(
        backup path: String,
        server url: String,
        owner: String,
        keep: Bool = false,
        deadline: Duration,
        tools: PostgresTools = .installed
    ) {
        (self.path, self.url, self.owner) = (path, url, owner)
        (isKept, self.deadline, self.tools) = (keep, deadline, tools)
    }

    /// Checks the backup's checksum, restores it, and compares what came of it with the manifest.
    ///
    /// Whatever happens the new database is dropped, unless it is to be kept and all is well: then it gets a name
    /// under which no later drill drops it. No other one is touched. Failures do not show the URL's password.
    package func run(report: @escaping @Sendable (String) -> Void) async throws(StepFailure) -> Result {
        let redactor = Redactor(secrets: [(try? PostgresAddress(url))?.password ?? ""])
        do throws(StepFailure) {
            return try await drill { report(redactor.masked($0)) }
        } catch {
            throw StepFailure(redactor.masked(error.message), isTransient: error.isTransient)
        }
    }

    private func drill(_ report: @escaping @Sendable (String) -> Void) async throws(StepFailure) -> Result {
        let start = ContinuousClock.now
        let end = start + deadline
        let server = try DatabaseServer(url: url)
        let manifest = try manifest()
        let found = try await PartFile.read(path, until: end)
        guard found == PartFile.Written(bytes: manifest.bytes, digest: manifest.sha256) else {
            throw StepFailure(
                "\(path) is not what was backed up: it has \(found.bytes) bytes with SHA-256 \(found.digest), and "
                    + "its manifest says \(manifest.bytes) bytes with \(manifest.sha256); take another backup",
                isTransient: false
            )
        }
        let checking = ContinuousClock.now - start
        let outcome = try await ScratchRestore(
            archive: path,
            original: ScratchRestore.Original(
                database: manifest.database,
                major: manifest.major,
                locale: manifest.locale,
                tables: manifest.tables,
                census: manifest.census
            ),
            server: server,
            tools: tools,
            owner: owner,
            isKept: isKept,
            end: end,
            report: report
        ).run()
        return Result(
            database: manifest.database,
            bytes: manifest.bytes,
            tables: manifest.tables,
            rows: outcome.census.rows,
            isCompared: manifest.census != nil,
            checking: checking,
            restoring: outcome.restoring,
            comparing: outcome.comparing,
            left: outcome.left
        )
    }

    private func manifest() throws(StepFailure) -> BackupManifest {
        let contents: FileContents
        do throws(FileProblem) {
            contents = try SafeFile.read(path + ".json", limit: 16 << 20)
        } catch {
            throw StepFailure(
                "no manifest beside \(path): \(error.message); a drill takes what the step `backup` has made",
                isTransient: false
            )
        }
        guard let manifest = BackupManifest(json: contents.bytes), manifest.describes(path) else {
            throw StepFailure("\(path).json is not the manifest of \(path)", isTransient: false)
        }
        guard let plain = manifest.plainSHA256 else { return manifest }
        throw StepFailure(
            "\(path) is encrypted: decrypt it to a file, whose SHA-256 must be \(plain), and restore that by hand",
            isTransient: false
        )
    }
}
