import DeployCore
package import DeployPorts

/// The release's migrations on a database that nobody uses: up, and if asked down again and up once more.
///
/// This is the only place where a migration may be undone, and only on a ``RehearsalDatabase``. After a crash it
/// waits for what still runs and rehearses anew, against what the database was before the first attempt at it.
package struct RehearseStep: StepAction {
    let url: Template
    let downAndUp: Bool
    let apply: ApplySibling

    package var summary: String {
        "rehearse \(apply.tool.title)\(downAndUp ? " up, down and up" : "")"
    }

    package var isReadOnly: Bool { false }
    package var survivesUs: Bool { apply.tool.survivesUs }
    package var references: [Reference] { url.references + apply.references }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let database = try apply.database(at: url, attempt.values)
        let proven = try await RehearsalDatabase.prove(
            database,
            isNot: try apply.database(attempt.values),
            for: apply.tool
        )
        return try await Rehearsal(proven, apply.tool, attempt).perform(downAndUp: downAndUp)
    }

    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        guard let part = RehearsalLog(attempt).lastPart(within: .seconds(1)),
            let database = try? apply.database(at: url, attempt.values),
            case .running = await apply.tool.reconcile(database, part)
        else { return .neverStarted }
        return .running
    }
}

/// One rehearsal under way.
private struct Rehearsal {
    private let target: RehearsalDatabase
    private let tool: any MigrationTool
    private let attempt: StepAttempt
    private let log: RehearsalLog
    private let end: ContinuousClock.Instant

    private var database: MigrationDatabase { target.database }

    init(_ target: RehearsalDatabase, _ tool: any MigrationTool, _ attempt: StepAttempt) {
        self.target = target
        self.tool = tool
        self.attempt = attempt
        log = RehearsalLog(attempt)
        end = .now + .milliseconds(attempt.deadline.milliseconds)
    }

    private var left: Duration { end - .now }

    func perform(downAndUp: Bool) async throws(StepFailure) -> StepResult {
        await awaitWhatRuns()
        let start = try await tool.outlook(database)
        let before: RehearsalLog.Before
        if let known = log.before {
            before = known
        } else {
            guard !start.pending.isEmpty else {
                let head = start.head ?? "no migration"
                return StepResult(summary: "nothing is pending there, at \(head): nothing was rehearsed")
            }
            before = RehearsalLog.Before(head: start.head, picture: try await SchemaPicture(of: database))
            try log.write(before)
        }
        let above = try await up("up")
        let isUndone = try await undoAndRepeat(if: downAndUp, before, above)
        let path = [before.head ?? "nothing", above.head ?? "nothing"].joined(separator: " to ")
        let text = "rehearsed \(path)" + (isUndone ? ", down and up again; the schema was the same" : "")
        attempt.note(
            Note(
                topic: "migration",
                text: text,
                facts: [
                    "rehearsed": start.pending.map(\.name).joined(separator: ","),
                    "down_and_up": "\(isUndone)",
                ]
            )
        )
        return StepResult(summary: text)
    }

    /// What an earlier process of this attempt has begun and left running; how it ends is seen afterwards.
    private func awaitWhatRuns() async {
        guard let part = log.lastPart(within: left),
            case .running = await tool.reconcile(database, part)
        else { return }
        attempt.report("waiting for what the interrupted rehearsal has left running")
        try? await tool.up(database, part)
    }

    // MARK: up

    private func up(_ stage: String) async throws(StepFailure) -> SchemaOutlook {
        attempt.report("rehearse: \(stage)")
        do throws(StepFailure) {
            try await tool.up(database, try log.nextPart(within: left))
        } catch {
            throw await failed(stage, error)
        }
        let outlook = try await tool.outlook(database)
        guard outlook.pending.isEmpty else {
            let names = outlook.pending.map(\.name).joined(separator: ", ")
            throw stopped("\(stage): the tool says it is done, and \(names) is still pending", outlook)
        }
        return outlook
    }

    // MARK: down and up again

    /// Returns whether it was done.
    private func undoAndRepeat(
        if wanted: Bool,
        _ before: RehearsalLog.Before,
        _ above: SchemaOutlook
    ) async throws(StepFailure) -> Bool {
        guard wanted else { return false }
        let known = above.applied.firstIndex { $0.name == before.head }.map { $0 + 1 } ?? 0
        let undone = Array(above.applied.dropFirst(known))
        guard let tool = tool as? any Reversible else {
            attempt.report("rehearse: \(tool.title) has no way down: only up was rehearsed")
            return false
        }
        let irreversible = tool.irreversible(among: undone)
        guard irreversible.isEmpty else {
            let names = irreversible.joined(separator: ", ")
            attempt.report("rehearse: there is no way down for \(names): only up was rehearsed")
            return false
        }
        let first = try await SchemaPicture(of: database)
        try await down(tool, to: before)
        let again = try await up("up again")
        try compare(
            first,
            try await SchemaPicture(of: database),
            "up again does not make what up made",
            again
        )
        return true
    }

    private func down(
        _ tool: any Reversible,
        to before: RehearsalLog.Before
    ) async throws(StepFailure) {
        attempt.report("rehearse: down to \(before.head ?? "nothing")")
        do throws(StepFailure) {
            try await tool.down(to: before.head, target, try log.nextPart(within: left))
        } catch {
            throw await failed("down", error)
        }
        let below = try await tool.outlook(database)
        guard below.head == before.head else {
            throw stopped("down: the head should be \(before.head ?? "none")", below)
        }
        try compare(
            before.picture,
            try await SchemaPicture(of: database),
            "down does not undo what up did",
            below
        )
    }

    private func compare(
        _ expected: SchemaPicture,
        _ found: SchemaPicture,
        _ what: String,
        _ outlook: SchemaOutlook
    ) throws(StepFailure) {
        let differences = expected.differences(to: found)
        guard !differences.isEmpty else { return }
        throw stopped(
            what + ", + is too much and - is missing:\n" + differences.joined(separator: "\n"),
            outlook
        )
    }

    // MARK: words

    private func stopped(_ text: String, _ outlook: SchemaOutlook) -> StepFailure {
        StepFailure("rehearse: \(text)\n\(Self.state(outlook))", isTransient: false)
    }

    private func failed(_ stage: String, _ failure: StepFailure) async -> StepFailure {
        let state =
            if let outlook = try? await tool.outlook(database) { Self.state(outlook) } else {
                "where the rehearsal's database is now could not be asked; " + Self.untouched
            }
        return StepFailure(
            "rehearse: \(stage): \(failure.message)\n\(state)",
            isTransient: failure.isTransient
        )
    }

    private static let untouched = "the database that users are on was not touched"

    private static func state(_ outlook: SchemaOutlook) -> String {
        "the rehearsal's database is at \(outlook.head ?? "no migration"); \(untouched)"
    }
}
