import DeployCore
package import DeployPorts
import HTTPClient
import WebSocketClient

/// Requests and WebSockets one after the other, as a user makes them: the playbook's `scenario`.
///
/// The first that fails ends it. What stands under `finally` runs in any case, also when the time is over or the
/// run is stopped, and has ten seconds of its own for that.
package struct ScenarioStep: StepAction {
    struct Part: Sendable {
        let title: String
        let action: any StepAction
        let timeout: Span?
        /// Names of the values that it captures.
        let captures: [String]
    }

    /// Shorter than the time that a step gets to end by itself.
    private static let cleanUpLimit = Duration.seconds(10)

    /// What `${steps.NAME.…}` calls this step: its own name, and `scenario`.
    let names: [String]
    let parts: [Part]
    let cleanUp: [Part]

    package var summary: String { "scenario of \(parts.count) steps" }

    package var isReadOnly: Bool { (parts + cleanUp).allSatisfy(\.action.isReadOnly) }

    /// Without those that an earlier part of the scenario itself captures.
    package var references: [Reference] {
        var known: Set<String> = []
        var all: [Reference] = []
        for part in parts + cleanUp {
            all += part.action.references.filter { !known.contains($0.name) }
            known.formUnion(part.captures.flatMap(names(of:)))
        }
        return all
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let start = ContinuousClock.now
        var account = Account(values: attempt.values)
        await run(attempt, until: start + .milliseconds(attempt.deadline.milliseconds), &account)
        let took = ContinuousClock.now - start
        await tidy(attempt, &account)
        if let failure = account.failure {
            let lines = [failure.head] + account.lines
            throw StepFailure(lines.joined(separator: "\n"), isTransient: failure.isTransient)
        }
        let more = cleanUp.isEmpty ? "" : ", then \(cleanUp.count) to clean up"
        return StepResult(
            captures: account.captures,
            summary: "\(parts.count) steps in \(took.inMilliseconds)\(more)"
        )
    }

    // MARK: the two lists

    private func run(
        _ attempt: StepAttempt,
        until end: ContinuousClock.Instant,
        _ account: inout Account
    ) async {
        for (index, part) in parts.enumerated() {
            let place = "\(index + 1) of \(parts.count)"
            guard account.failure == nil else {
                account.lines.append("  \(place)  \(part.title): not begun")
                continue
            }
            let failure = await perform(part, place, attempt, until: end, &account)
            if let failure {
                account.failure = (head: "scenario: step \(place) failed", isTransient: failure.isTransient)
            }
        }
    }

    /// Everything is tried, whatever became of what stands before it.
    private func tidy(_ attempt: StepAttempt, _ account: inout Account) async {
        let end = ContinuousClock.now + Self.cleanUpLimit
        for (index, part) in cleanUp.enumerated() {
            let place = "finally \(index + 1)"
            let own = Set(parts.flatMap(\.captures).flatMap(names(of:)))
            let missing = part.action.references.first {
                own.contains($0.name) && account.values.plain[$0.name] == nil
            }
            if let missing {
                note(
                    "  \(place)  \(part.title): left out, ${\(missing.name)} was never captured",
                    attempt,
                    &account
                )
                continue
            }
            let failure = await perform(part, place, attempt, until: end, &account)
            if failure != nil, account.failure == nil {
                account.failure = (
                    head: "scenario: it went well, and its `finally` failed", isTransient: false
                )
            }
        }
    }

    private func perform(
        _ part: Part,
        _ place: String,
        _ attempt: StepAttempt,
        until end: ContinuousClock.Instant,
        _ account: inout Account
    ) async -> StepFailure? {
        let left = Int64((end - ContinuousClock.now).wholeMilliseconds)
        guard left > 0 else {
            note("  \(place)  \(part.title): not begun, the time is over", attempt, &account)
            return StepFailure("the time is over")
        }
        let deadline = min(part.timeout ?? .milliseconds(left), .milliseconds(left))
        do throws(StepFailure) {
            let result = try await part.action.perform(
                attempt.with(values: account.values).with(deadline: deadline)
            )
            for (name, value) in result.captures {
                account.captures[name] = value
                for whole in names(of: name) { account.values.plain[whole] = value }
            }
            note("  \(place)  \(part.title): \(result.summary)", attempt, &account)
            return nil
        } catch {
            let lines = error.message.split(separator: "\n").joined(separator: "\n      ")
            note("  \(place)  \(lines)", attempt, &account)
            return error
        }
    }

    private func note(_ line: String, _ attempt: StepAttempt, _ account: inout Account) {
        account.lines.append(line)
        for line in line.split(separator: "\n") { attempt.report(String(line)) }
    }

    private func names(of capture: String) -> [String] { names.map { "steps.\($0).\(capture)" } }
}

/// How far a scenario has come.
private struct Account {
    var values: Values
    var captures: [String: String] = [:]
    /// One for each part that is behind us.
    var lines: [String] = []
    var failure: (head: String, isTransient: Bool)?
}
