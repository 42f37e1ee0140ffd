import DeployCore
import DeployPorts

/// Whether the stable environment bears the new schema: it is asked what `validate` asks the candidate, once
/// before the migration and once after it.
///
/// A check that it did not pass before, such as one of a page that only the new version has, says nothing of
/// the migration and is left out after it.
struct StableHealth: StepAction {
    enum Moment {
        case before, after
    }

    struct Check: Sendable {
        let title: String
        let action: any StepAction
        let deadline: Span
    }

    let moment: Moment
    let environment: EnvironmentName
    let checks: [Check]
    /// What a person does when it fails; `nil` where the playbook does not say.
    let forwardFix: String?

    /// Under this name the step before keeps what passed.
    static let captureName = "stable_before"
    private static let passed = "passed"

    var summary: String {
        switch moment {
        case .before: "\(environment) before the migration"
        case .after: "\(environment) goes on on the new schema"
        }
    }

    var isReadOnly: Bool { true }

    /// Those of the checks are checked where they stand.
    var references: [Reference] { [] }

    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let values = Self.exchanged(attempt.values)
        let asked = checks.indices.filter { index in
            isAnswerable(checks[index], values) && (moment == .before || didPass(index, attempt.values))
        }
        let failures = await failures(of: asked, attempt, values)
        switch moment {
        case .before:
            let good = asked.filter { failures[$0] == nil }
            let mute = checks.indices.count { !isAnswerable(checks[$0], values) }
            return StepResult(
                captures: [Self.passed: good.map(String.init).joined(separator: ",")],
                summary: "\(good.count) of \(asked.count) checks pass"
                    + (mute > 0 ? "; nobody knows the version that \(mute) more ask for" : "")
            )
        case .after:
            guard failures.isEmpty else { throw failure(failures, attempt.values) }
            guard !asked.isEmpty else {
                let text = "nobody knows: no check of `validate` passed before the migration"
                attempt.note(Note(topic: "remark", text: "\(summary)? \(text)"))
                return StepResult(summary: text)
            }
            return StepResult(summary: "\(asked.count) checks pass as before")
        }
    }

    private func didPass(_ index: Int, _ values: Values) -> Bool {
        values.plain["steps.\(Self.captureName).\(Self.passed)"]?
            .split(separator: ",").contains { Int($0) == index } ?? false
    }

    /// What names the version can only be asked when it is known which one runs there.
    private func isAnswerable(_ check: Check, _ values: Values) -> Bool {
        values.plain["version"] != nil || !check.action.references.contains { $0.name == "version" }
    }

    private func failures(
        of asked: [Int],
        _ attempt: StepAttempt,
        _ values: Values
    ) async -> [Int: StepFailure] {
        await withTaskGroup(of: (Int, StepFailure?).self) { group in
            for index in asked {
                let part = StepAttempt(
                    run: attempt.run,
                    step: attempt.step,
                    number: attempt.number,
                    deadline: min(attempt.deadline, checks[index].deadline),
                    values: values,
                    folder: attempt.folder,
                    report: attempt.report
                )
                group.addTask { [action = checks[index].action] in
                    do throws(StepFailure) {
                        _ = try await action.perform(part)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            var failures: [Int: StepFailure] = [:]
            for await (index, failure) in group { failures[index] = failure }
            return failures
        }
    }

    private func failure(_ failures: [Int: StepFailure], _ values: Values) -> StepFailure {
        let told = failures.sorted { $0.key < $1.key }.map { "\(checks[$0.key].title): \($0.value.message)" }
        let migrations = values.plain["steps.lint.migrations"] ?? ""
        let names = migrations.isEmpty ? "" : " for \(migrations)"
        return StepFailure(
            """
            \(environment) does not pass on the new schema what it passed before:
            \(told.joined(separator: "\n"))
            The traffic stays on \(environment), and the database is never migrated down. \
            A forward fix is open\(names): \(forwardFix ?? "bring back in a new migration what it needs")
            """
        )
    }

    /// The values with the stable environment in the candidate's place: that is what the checks ask.
    private static func exchanged(_ values: Values) -> Values {
        var exchanged = values
        for (one, other) in [("stable", "candidate"), ("stable.url", "candidate.url")] {
            exchanged.plain[one] = values.plain[other]
            exchanged.plain[other] = values.plain[one]
        }
        exchanged.plain["version"] = values.plain["previous_version"]
        return exchanged
    }
}
