import DeployCore
package import DeployPorts

/// Brings the production database's schema forward: the playbook's `apply`.
///
/// There is no way back in it.
/// What is done is what the database says before and after, not what a tool answers.
package struct ApplyStep: SchemaChange {
    let tool: any MigrationTool
    let database: Template
    let limits: MigrationLimits

    package var summary: String { "migrate \(tool.title)" }
    package var isReadOnly: Bool { false }
    package var survivesUs: Bool { tool.survivesUs }
    package var references: [Reference] { tool.references + database.references }

    package func outlook(_ values: Values) async throws(StepFailure) -> SchemaOutlook {
        try await tool.outlook(try database(values))
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let database = try database(attempt.values)
        let end = Deadline(in: attempt.timeToMigrate)
        let before = try await tool.outlook(database)
        // What still runs is attached to, also when it has nothing more to apply.
        let isRunning = if case .running = await tool.reconcile(database, attempt) { true } else { false }
        guard isRunning || !before.pending.isEmpty else {
            return StepResult(
                captures: before.captures,
                summary: "nothing is pending at \(before.head ?? "an empty history")"
            )
        }
        let names = before.pending.map(\.name)
        // What runs has been begun with what was judged.
        if !isRunning { try refuseUnjudged(names, attempt) }
        note("before", before, "to apply: \(names.joined(separator: ", "))", attempt)
        let after: SchemaOutlook
        do throws(StepFailure) {
            try await oneAtATime(isRunning, database, attempt, until: end)
            after = try await tool.outlook(database)
        } catch {
            after = try await self.outlook(after: error, database, attempt)
        }
        note("after", after, "applied: \(after.names(newSince: before).joined(separator: ", "))", attempt)
        if let problem = HeadCheck(before: before, after: after).problem {
            throw StepFailure("\(summary): \(problem)", isTransient: false)
        }
        return StepResult(
            captures: after.captures,
            summary: "\(names.count) applied, now at \(after.head ?? "an unknown head")"
        )
    }

    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        do throws(StepFailure) {
            return await tool.reconcile(try database(attempt.values), attempt)
        } catch {
            return .failed(error)
        }
    }

    private func database(_ values: Values) throws(StepFailure) -> MigrationDatabase {
        MigrationDatabase(url: try database.resolved(in: values), values: values, limits: limits)
    }

    /// Fails for what came after `lint` had judged the release's migrations, where the playbook has a `lint`.
    private func refuseUnjudged(_ names: [String], _ attempt: StepAttempt) throws(StepFailure) {
        guard let judged = attempt.values.plain["steps.lint.migrations"] else { return }
        let strangers = names.filter { !",\(judged),".contains(",\($0),") }
        guard !strangers.isEmpty else { return }
        throw StepFailure(
            "\(summary): \(strangers.joined(separator: ", ")) came after `lint` had judged what was pending; "
                + "nothing was applied. Run the release again, so that it is judged too",
            isTransient: false
        )
    }

    /// Migrates as the only one that does.
    ///
    /// Our own runner takes the lock itself; what is attached to is under way in any case.
    private func oneAtATime(
        _ isRunning: Bool,
        _ database: MigrationDatabase,
        _ attempt: StepAttempt,
        until end: Deadline
    ) async throws(StepFailure) {
        guard tool.survivesUs, !isRunning, database.isPostgres else {
            return try await migrate(database, attempt.ending(in: end.left))
        }
        let connection = try MigrationConnection(database)
        let lock = MigrationLock(connection: connection, attempt: attempt, deadline: end)
        let session = try await lock.take()
        let result = await Self.result { () throws(StepFailure) in
            try await migrate(database, attempt.ending(in: end.left))
        }
        await MigrationLock.release(session)
        try result.get()
    }

    /// The database's own word after `failure`: where all is applied, that the answer was lost or bad does not
    /// matter; else the failure says what is.
    private func outlook(
        after failure: StepFailure,
        _ database: MigrationDatabase,
        _ attempt: StepAttempt
    ) async throws(StepFailure) -> SchemaOutlook {
        guard !attempt.isDetaching(), !Task.isCancelled else { throw failure }
        let outlook: SchemaOutlook
        do throws(StepFailure) {
            if tool.survivesUs { try await BackendsAtWork.refuse(on: database, tool.title) }
            outlook = try await tool.outlook(database)
        } catch {
            let text =
                "\(failure.message)\n  now        it is not known how far the database is: \(error.message)"
            throw StepFailure(text, isTransient: failure.isTransient)
        }
        let head = outlook.head ?? "an empty history"
        guard outlook.pending.isEmpty else {
            let names = outlook.pending.map(\.name).joined(separator: ", ")
            throw StepFailure(
                "\(failure.message)\n  now        the database is at \(head), pending: \(names)",
                isTransient: failure.isTransient
            )
        }
        let text = "all is applied, the database is at \(head), although it failed: \(failure.message)"
        attempt.report(text)
        attempt.note(Note(topic: "migration", text: text))
        return outlook
    }

    /// Applies, and watches the locks meanwhile.
    private func migrate(_ database: MigrationDatabase, _ attempt: StepAttempt) async throws(StepFailure) {
        guard database.isPostgres else { return try await tool.up(database, attempt) }
        let watch = LockWatch(
            connection: try MigrationConnection(database),
            limit: limits.lock,
            attempt: attempt
        )
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run() }
            let result = await Self.result { () throws(StepFailure) in try await tool.up(database, attempt) }
            group.cancelAll()
            return result
        }
        guard case .failure(let failure) = result else { return }
        throw Self.told(failure, watch.findings, limits)
    }

    private static func result(
        _ work: () async throws(StepFailure) -> Void
    ) async -> Result<Void, StepFailure> {
        do throws(StepFailure) {
            return .success(try await work())
        } catch {
            return .failure(error)
        }
    }

    /// The failure with who was in the way, or whom it would have kept waiting.
    private static func told(
        _ failure: StepFailure,
        _ findings: LockWatch.Findings,
        _ limits: MigrationLimits
    ) -> StepFailure {
        if !findings.gaveUpFor.isEmpty {
            let lines = findings.gaveUpFor.map { "\n  \($0.text)" }.joined()
            return StepFailure(
                "\(failure.message)\n  given up   it kept users waiting for longer than \(limits.lock), and "
                    + "would again: take a form that locks for a moment only (`bgdeploy migrations lint`), or "
                    + "allow more\(lines)",
                isTransient: false
            )
        }
        let lines = findings.holders.map { "\n  \($0.text)" }.joined()
        return StepFailure(failure.message + lines, isTransient: failure.isTransient)
    }

    private func note(
        _ moment: String,
        _ outlook: SchemaOutlook,
        _ names: String,
        _ attempt: StepAttempt
    ) {
        attempt.note(
            Note(
                topic: "migration",
                text: "head \(moment): \(outlook.head ?? "none"); \(names)",
                facts: [
                    "moment": moment, "head": outlook.head ?? "",
                    "pending": outlook.pending.map(\.name).joined(separator: ","),
                ]
            )
        )
    }
}

extension SchemaOutlook {
    /// For later steps and a rollback's question.
    fileprivate var captures: [String: String] { ["head": head ?? ""] }

    func names(newSince before: SchemaOutlook) -> [String] {
        let old = Set(before.applied.map(\.name))
        return applied.map(\.name).filter { !old.contains($0) }
    }
}

extension MigrationDatabase {
    /// Other databases are brought forward by tools, and cannot be watched.
    fileprivate var isPostgres: Bool { url.hasPrefix("postgres") }
}
