import DeployPorts
import Foundation

/// A dump, restored into a database of our own and compared with what the dump is of.
struct ScratchRestore: Sendable {
    let archive: String
    let original: Original
    let server: DatabaseServer
    let tools: PostgresTools
    /// See ``ScratchDatabase``.
    let owner: String
    /// Whether the database stays.
    var isKept = false
    let end: ContinuousClock.Instant
    let report: @Sendable (String) -> Void

    /// What the dump is of.
    struct Original: Sendable {
        let database: String
        let major: Int
        let locale: DatabaseLocale
        let tables: Int
        /// `nil` where rows were not counted.
        let census: TableCensus?
    }

    struct Outcome: Sendable {
        /// The database that is still there: wanted, or because it could not be dropped.
        var left: String?
        let restoring: Duration
        let comparing: Duration
        let census: TableCensus
    }

    /// Whatever happens, the database is dropped, unless it is to be kept and all is well.
    func run() async throws(StepFailure) -> Outcome {
        let facts = try await ServerFacts.read(server, until: end)
        let kit = try await tools.kit(for: max(facts.major, original.major))
        let scratch = ScratchDatabase(server, kit, major: facts.major, owner: owner, at: Date())
        guard scratch.name != original.database else {
            throw StepFailure("\(scratch.name) is the database that was backed up", isTransient: false)
        }
        try await scratch.create(original.locale, until: end, report)
        report("restoring into \(scratch.name) on \(server.place)")
        let result: Result<Outcome, StepFailure>
        do throws(StepFailure) {
            var outcome = try await fill(scratch)
            if isKept {
                outcome.left = try await scratch.keep()
                return outcome
            }
            result = .success(outcome)
        } catch {
            result = .failure(error)
        }
        do throws(StepFailure) {
            try await scratch.drop()
        } catch {
            let words = "\(scratch.name) on \(server.place) is still there: drop it (\(error.message))"
            report(words)
            guard case .failure(let failure) = result else { return try result.get() }
            throw StepFailure("\(failure.message)\n  \(words)", isTransient: failure.isTransient)
        }
        var outcome = try result.get()
        outcome.left = nil
        return outcome
    }

    private func fill(_ scratch: ScratchDatabase) async throws(StepFailure) -> Outcome {
        let start = ContinuousClock.now
        try await restore(into: scratch)
        let restored = ContinuousClock.now
        let session = try PsqlSession(server, scratch.kit, database: scratch.name)
        let found: (tables: Int?, census: TableCensus)
        do throws(StepFailure) {
            let count = try await session.ask(
                "select count(*) \(TableCensus.own) and c.relkind in ('r', 'p');",
                until: end
            )
            found = (count.first.flatMap { Int($0) }, try await TableCensus.take(session, until: end))
        } catch {
            await session.end()
            throw error
        }
        await session.end()
        guard found.tables == original.tables else {
            throw StepFailure(
                "\(found.tables ?? 0) tables were restored from \(archive), and there were \(original.tables)",
                isTransient: false
            )
        }
        let differences = original.census?.differences(in: found.census) ?? []
        guard differences.isEmpty else {
            let more = differences.count > 5 ? ["and \(differences.count - 5) more"] : []
            throw StepFailure(
                "what is restored from \(archive) is not what the database had when it was dumped:\n  "
                    + (differences.prefix(5) + more).joined(separator: "\n  "),
                isTransient: false
            )
        }
        return Outcome(
            left: scratch.name,
            restoring: restored - start,
            comparing: .now - restored,
            census: found.census
        )
    }

    /// Without owners and rights, which another server may not know, and without what would begin to replicate.
    private func restore(into scratch: ScratchDatabase) async throws(StepFailure) {
        let command = ChildCommand(
            arguments: [
                scratch.kit.restore, "--exit-on-error", "--no-owner", "--no-privileges", "--no-publications",
                "--no-subscriptions", "--no-password", "--dbname=\(scratch.name)", archive,
            ],
            environment: server.environment(database: scratch.name)
        )
        try await Blocking.run { stop throws(StepFailure) in
            let child = try Child.start(command)
            let ending = child.pump(until: end, stop) { _ in true } ?? .cancelled
            if let objection = child.objection(to: ending, "pg_restore") {
                throw StepFailure(
                    "\(archive) cannot be restored: \(objection.message)",
                    isTransient: objection.isTransient
                )
            }
        }
    }
}
