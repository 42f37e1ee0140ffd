import ChildProcesses
import DeployCore
import DeployPorts
import Foundation
import Glibc

/// One attempt of a ``BackupStep``.
struct BackupWork: Sendable {
    let step: BackupStep
    let attempt: StepAttempt
    let server: DatabaseServer
    /// Where the dump is restored, if elsewhere.
    let scratch: DatabaseServer?
    let folder: BackupFolder
    private let started = Date()
    private let end: ContinuousClock.Instant

    init(
        step: BackupStep,
        attempt: StepAttempt,
        server: DatabaseServer,
        scratch: DatabaseServer?,
        folder: BackupFolder
    ) {
        (self.step, self.attempt, self.server) = (step, attempt, server)
        (self.scratch, self.folder) = (scratch, folder)
        // A little less than the attempt has, so that the failure is the one that says where it hung.
        let limit = attempt.deadline.milliseconds
        end = .now + .milliseconds(limit - min(2000, limit / 20))
    }

    func run() async throws(StepFailure) -> StepResult {
        let manifest: BackupManifest
        do throws(StepFailure) {
            manifest = try await makeBackup()
        } catch {
            folder.removeUnfinished(of: attempt.run.rawValue)
            throw StepFailure(
                "\(error.message)\n  there is no new backup, and what was written of it is removed; "
                    + "the database was only read, and no traffic was moved",
                isTransient: error.isTransient
            )
        }
        try await send(manifest)
        removeOlder(than: manifest)
        let result = BackupStep.result(manifest, in: folder)
        attempt.note(note(manifest, result))
        return result
    }

    // MARK: making it

    private func makeBackup() async throws(StepFailure) -> BackupManifest {
        try folder.prepare()
        let facts = try await ServerFacts.read(server, until: end)
        try folder.checkSpace(for: facts.bytes, copies: step.encryption == nil ? 1 : 2)
        let kit = try await step.tools.kit(for: facts.major)
        let name = BackupName.make(
            service: step.service,
            database: facts.database,
            run: attempt.run.rawValue,
            at: started
        )
        let part = folder.path(of: name + ".part")
        attempt.report("dumping \(server.place) with \(kit.dump)")
        let (moment, written) = try await DumpMoment.hold(
            server,
            kit,
            isCounting: step.verification == .restore,
            until: end
        ) { moment throws(StepFailure) in
            let written = try await writeDump(moment, facts, kit, to: part)
            return (moment, written)
        }
        let dumped = Date()
        try await verify(part, written, moment, facts, kit)
        let dump = try await finish(part, name, written, at: dumped)
        let manifest = BackupManifest(
            of: dump,
            facts: facts,
            moment: moment,
            origin: origin,
            verified: step.verification.rawValue,
            isComplete: step.upload == nil
        )
        try folder.keep(manifest)
        return manifest
    }

    private var origin: BackupOrigin {
        BackupOrigin(
            service: step.service,
            run: attempt.run.rawValue,
            step: attempt.step.rawValue,
            attempt: attempt.number,
            version: attempt.values.plain["version"],
            started: started
        )
    }

    private func writeDump(
        _ moment: DumpMoment,
        _ facts: ServerFacts,
        _ kit: PostgresTools.Kit,
        to part: String
    ) async throws(StepFailure) -> PartFile.Written {
        let command = ChildCommand(
            arguments: [kit.dump, "--format=custom", "--no-password", "--snapshot=\(moment.snapshot)"],
            environment: server.environment()
        )
        let progress = ProgressLine(total: facts.bytes, report: attempt.report)
        return try await OutputFile(part, until: end, progress: progress).fill(from: command, "pg_dump")
    }

    private func verify(
        _ part: String,
        _ written: PartFile.Written,
        _ moment: DumpMoment,
        _ facts: ServerFacts,
        _ kit: PostgresTools.Kit
    ) async throws(StepFailure) {
        attempt.report("verifying \(ByteCount(written.bytes))")
        let found = try await PartFile.read(part, until: end)
        guard found == written else {
            throw StepFailure(
                "\(part) does not hold what was written to it: \(written.bytes) bytes with SHA-256 "
                    + "\(written.digest) were written, and \(found.bytes) with \(found.digest) are read: look at the "
                    + "disk, and at who else writes there",
                isTransient: false
            )
        }
        try await ArchiveCheck(path: part, kit: kit, environment: server.environment(), end: end)
            .run(tables: moment.tables)
        guard step.verification == .restore else { return }
        let outcome = try await ScratchRestore(
            archive: part,
            original: ScratchRestore.Original(
                database: facts.database,
                major: facts.major,
                locale: facts.locale,
                tables: moment.tables,
                census: moment.census
            ),
            server: scratch ?? server,
            tools: step.tools,
            owner: attempt.run.rawValue,
            end: end,
            report: attempt.report
        ).run()
        let census = outcome.census
        attempt.report(
            "restored in \(outcome.restoring.told): \(census.rows) rows of \(census.tables.count) tables as in the "
                + "database, and the first rows of \(census.samples) are the same"
        )
    }

    /// Encrypts the dump where that is wanted, and gives it its name.
    private func finish(
        _ part: String,
        _ name: String,
        _ written: PartFile.Written,
        at time: Date
    ) async throws(StepFailure) -> FinishedDump {
        guard let encryption = step.encryption else {
            try folder.publish(part, as: name, written.digest)
            return FinishedDump(name: name, written: written, plainDigest: nil, ended: time)
        }
        let encrypted = name + ".enc"
        let output = folder.path(of: encrypted + ".part")
        let command = try command(encryption, attempt.values, input: .file(part))
        attempt.report("encrypting with \(command.arguments.first ?? "")")
        let result = try await OutputFile(output, until: end).fill(from: command, "encrypt")
        guard result.digest != written.digest else {
            throw StepFailure(
                "`encrypt` gave the dump back as it was: it is not encrypted",
                isTransient: false
            )
        }
        try folder.publish(output, as: encrypted, result.digest)
        guard unlink(part) == 0 else {
            throw StepFailure("cannot remove the plain dump \(part): \(String(cString: strerror(errno)))")
        }
        return FinishedDump(name: encrypted, written: result, plainDigest: written.digest, ended: time)
    }

    // MARK: what is done with it

    private func send(_ manifest: BackupManifest) async throws(StepFailure) {
        guard let upload = step.upload else { return }
        let path = folder.path(of: manifest.file)
        do throws(StepFailure) {
            var values = attempt.values
            values.plain[BackupStep.fileReference] = path
            var command = try command(upload, values, input: .nothing)
            command.environment.merge(
                [
                    "BGDEPLOY_BACKUP_FILE": path, "BGDEPLOY_BACKUP_MANIFEST": path + ".json",
                    "BGDEPLOY_BACKUP_SHA256": manifest.sha256, "BGDEPLOY_BACKUP_BYTES": "\(manifest.bytes)",
                    "BGDEPLOY_BACKUP_DATABASE": manifest.database, "BGDEPLOY_SERVICE": manifest.service,
                    "BGDEPLOY_RUN": manifest.run,
                ]
            ) { $1 }
            attempt.report("uploading with \(command.arguments.first ?? "")")
            try await Blocking.run { [command, end, attempt] stop throws(StepFailure) in
                let child = try Child.start(command)
                let ending = child.pump(until: end, stop) { bytes in
                    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
                        attempt.report(String(line))
                    }
                    return true
                }
                if let objection = child.objection(to: ending ?? .cancelled, "upload") { throw objection }
            }
            var complete = manifest
            complete.isComplete = true
            try folder.keep(complete)
        } catch {
            throw StepFailure(
                "\(error.message)\n  the backup is made and verified, and kept as \(path); it was not uploaded; "
                    + "no traffic was moved",
                isTransient: error.isTransient
            )
        }
    }

    /// A command of the playbook's: in its folder, and with our whole environment, where its credentials are.
    private func command(
        _ templates: [Template],
        _ values: Values,
        input: ChildCommand.Input
    ) throws(StepFailure) -> ChildCommand {
        var arguments: [String] = []
        for template in templates { arguments.append(try template.resolved(in: values)) }
        return ChildCommand(
            arguments: arguments,
            environment: ProcessTable.environment(),
            folder: step.folder,
            input: input
        )
    }

    private func removeOlder(than manifest: BackupManifest) {
        guard let age = step.age else { return }
        let removed = folder.removeOlder(than: .milliseconds(age.milliseconds), before: manifest)
        guard !removed.isEmpty else { return }
        let names = removed.joined(separator: ", ")
        attempt.report("removed \(removed.count) backups older than \(age): \(names)")
    }

    private func note(_ manifest: BackupManifest, _ result: StepResult) -> Note {
        var facts = [
            "file": folder.path(of: manifest.file), "bytes": "\(manifest.bytes)", "sha256": manifest.sha256,
            "duration_ms": "\(manifest.milliseconds)",
            "database": manifest.database, "server": manifest.server, "tables": "\(manifest.tables)",
            "verified": manifest.verified,
        ]
        facts["lsn"] = manifest.lsn
        facts["system"] = manifest.system
        facts["rows"] = manifest.census.map { "\($0.rows)" }
        return Note(topic: "backup", text: result.summary, facts: facts)
    }
}
