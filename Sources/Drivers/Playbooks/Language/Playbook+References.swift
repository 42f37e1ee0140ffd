import DeployCore
import DeployPorts

/// Checks that every `${…}` names something that will have a value where it stands.
extension Playbook {
    /// Values that every run has.
    static let plainNames = [
        "version", "service", "run", "stable", "candidate", "stable.url", "candidate.url", "previous_version",
        "public_url",
    ]

    /// Values that every run of a runbook has.
    static let runbookNames = ["service", "run", "runbook", "url"]

    /// Those that have a value here.
    var valueNames: [String] {
        guard let runbook else { return Self.plainNames.filter { $0 != "public_url" || publicURL != nil } }
        return Self.runbookNames.filter { $0 != "url" || publicURL != nil } + runbook.variables.keys.sorted()
    }

    /// This playbook with its ``references`` collected; unknown ones are reported.
    func withReferences(checkedBy diagnostics: Diagnostics) -> Playbook {
        var check = ReferenceCheck(
            names: valueNames,
            isRunbook: runbook != nil,
            secrets: secrets.map(\.name),
            allCaptures: Set(allSteps.flatMap { step in step.captureReferences }),
            diagnostics: diagnostics
        )
        for phase in [PhaseName.preflight, .prepare, .migrate, .warmUp, .validate] {
            for step in steps[phase] ?? [] { check.take(step) }
        }
        for channel in notify { check.check(channel.notifier.references) }
        if let request = drain?.request { check.take(request) }
        if let gauge = drain?.connections { check.check(gauge.references) }
        for gauge in monitor.gauges { check.check(gauge.references) }
        for step in rollback.steps { check.take(step) }
        for step in afterwards.steps { check.take(step) }
        takeRunbook(&check)
        return with(references: check.seen.sorted { $0.position < $1.position })
    }

    /// An action's steps see what its earlier ones captured, and nothing of the other actions'.
    private func takeRunbook(_ check: inout ReferenceCheck) {
        guard let runbook else { return }
        var look = check
        for step in runbook.look { look.take(step.step) }
        check.seen += look.seen.dropFirst(check.seen.count)
        for action in runbook.actions {
            var own = check
            for step in action.steps { own.take(step) }
            for check in action.verify ?? [] { own.take(check.step) }
            check.seen += own.seen.dropFirst(check.seen.count)
        }
    }

    var allSteps: [PlaybookStep] {
        PhaseName.allCases.flatMap { steps[$0] ?? [] } + [drain?.request].compactMap(\.self) + rollback.steps
            + afterwards.steps + (runbook?.steps ?? [])
    }

    private func with(references: [Reference]) -> Playbook {
        Playbook(
            service: service,
            publicURL: publicURL,
            environments: environments,
            balancers: balancers,
            strategy: strategy,
            sticky: sticky,
            severities: severities,
            promises: promises,
            notify: notify,
            unreachable: unreachable,
            steps: steps,
            forwardFix: forwardFix,
            defaultChecks: defaultChecks,
            drain: drain,
            monitor: monitor,
            rollback: rollback,
            afterwards: afterwards,
            drainsAfterSwitch: drainsAfterSwitch,
            versionPattern: versionPattern,
            secrets: secrets,
            references: references,
            text: text,
            digest: digest,
            path: path,
            folder: folder,
            runbook: runbook
        )
    }
}

extension PlaybookStep {
    /// What others write between `${` and `}` to get its captured values.
    var captureReferences: [String] {
        guard let policy else { return [] }
        return captures.map { "steps.\(policy.captureName).\($0)" }
    }

    var references: [Reference] {
        guard case .action(let action) = work else { return [] }
        return action.references + (policy?.condition?.references ?? [])
    }
}

private struct ReferenceCheck {
    /// Of values that are there.
    let names: [String]
    let isRunbook: Bool
    let secrets: [String]
    let allCaptures: Set<String>
    let diagnostics: Diagnostics
    private var captured: Set<String> = []
    var seen: [Reference] = []

    init(
        names: [String],
        isRunbook: Bool,
        secrets: [String],
        allCaptures: Set<String>,
        diagnostics: Diagnostics
    ) {
        self.names = names
        self.isRunbook = isRunbook
        self.secrets = secrets
        self.allCaptures = allCaptures
        self.diagnostics = diagnostics
    }

    mutating func take(_ step: PlaybookStep) {
        check(step.references)
        captured.formUnion(step.captureReferences)
    }

    mutating func check(_ references: [Reference]) {
        for reference in references {
            seen.append(reference)
            if let problem = problem(of: reference.name) { diagnostics.report(reference.position, problem) }
        }
    }

    private func problem(of name: String) -> String? {
        if names.contains(name) || captured.contains(name) { return nil }
        if name == "public_url", !isRunbook {
            return "`${public_url}` has no value: the playbook has no `public_url`"
        }
        if isRunbook, name == "url" || Playbook.plainNames.contains(name) {
            return name == "url"
                ? "`${url}` has no value: the runbook has no `url`"
                : "`${\(name)}` has no value: a runbook releases nothing; there are "
                    + names.joined(separator: ", ")
        }
        for prefix in ["env.", "secret."] where name.hasPrefix(prefix) {
            let rest = String(name.dropFirst(prefix.count))
            if PlaybookDecoder.isVariableName(rest) { return nil }
        }
        if allCaptures.contains(name) {
            return "`${\(name)}` is captured by a later step; it has no value here"
        }
        let candidates = names + captured.sorted() + secrets.map { "secret.\($0)" }
        if let nearest = Spelling.nearest(to: name, among: candidates) {
            return "`${\(name)}` is no value of a playbook; did you mean `${\(nearest)}`?"
        }
        if name.hasPrefix("steps.") {
            return "`${\(name)}` names no value that an earlier step captures"
                + (captured.isEmpty ? "" : "; there are \(captured.sorted().joined(separator: ", "))")
        }
        return "`${\(name)}` is no value of a playbook; there are "
            + (names + ["env.NAME", "secret.NAME", "steps.STEP.CAPTURE"]).joined(
                separator: ", "
            )
    }
}
