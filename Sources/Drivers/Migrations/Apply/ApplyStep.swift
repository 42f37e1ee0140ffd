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
        note("before", before, "to apply: \(names.joined(separator: ", "))", attempt)
        try await migrate(database, attempt)
        let after = try await tool.outlook(database)
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
