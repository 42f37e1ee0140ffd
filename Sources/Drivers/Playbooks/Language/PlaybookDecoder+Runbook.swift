import DeployCore
import DeployPorts

/// Runbooks: the same language with other sections.
extension PlaybookDecoder {
    /// The result means nothing when a mistake was reported.
    func decodeRunbook(_ root: Parameter, text: String, digest: String, path: String) -> Playbook? {
        var reader = MapReader(root, "a runbook", diagnostics: diagnostics)
        let url = reader.optional("url").flatMap { self.url(of: $0, "url", reader) }
        let runbook = runbook(&reader, url)
        let scope = Scope(service: runbook.service, publicURL: url, environments: [])
        let playbook = Playbook(
            service: RunbookPart.ledger(of: runbook.name, service: runbook.service),
            publicURL: url,
            environments: [],
            balancers: [],
            strategy: .instant,
            sticky: nil,
            severities: [],
            promises: [:],
            notify: notify(reader.optional("notify"), knowing: .runbook),
            unreachable: .stop,
            steps: [:],
            forwardFix: nil,
            defaultChecks: [:],
            drain: nil,
            monitor: monitor(nil, scope),
            rollback: rollback(nil, scope),
            afterwards: Playbook.AfterwardsSettings(),
            drainsAfterSwitch: false,
            versionPattern: nil,
            secrets: secrets(reader.optional("secrets")),
            references: [],
            text: text,
            digest: digest,
            path: path,
            folder: folder,
            runbook: runbook
        )
        reader.finish()
        checkTold(playbook)
        checkSuggestions(runbook)
        return playbook.withReferences(checkedBy: diagnostics)
    }

    /// What a runbook has and a playbook has not.
    private func runbook(_ reader: inout MapReader, _ url: String?) -> Runbook {
        let name = reader.required("runbook").flatMap { self.name(of: $0, "runbook", reader) } ?? ""
        let service = reader.required("service").flatMap { self.name(of: $0, "service", reader) } ?? ""
        let title = reader.required("title").flatMap { plain(of: $0, "title", reader) } ?? ""
        let severity = reader.optional("severity").flatMap { self.severity($0, reader) }
        let scope = Scope(service: service, publicURL: url, environments: [])
        return Runbook(
            name: name,
            service: service,
            title: Self.title(title),
            severity: severity,
            symptoms: texts(&reader, "symptoms"),
            variables: variables(reader.optional("variables")),
            look: reader.required("look").map { checks($0, .look, scope, severity) } ?? [],
            actions: actions(reader.optional("actions"), scope, severity),
            manual: texts(&reader, "manual")
        )
    }

    private func texts(_ reader: inout MapReader, _ key: String) -> [String] {
        guard let value = reader.optional(key) else { return [] }
        return (reader.list(of: value, key) ?? []).compactMap { plain(of: $0, key, reader) }
    }

    private func variables(_ value: Parameter?) -> [String: String] {
        guard let value else { return [:] }
        var reader = MapReader(value, "`variables`", diagnostics: diagnostics)
        var variables: [String: String] = [:]
        for entry in reader.takeRest() {
            let taken = Playbook.plainNames + Playbook.runbookNames
            guard Self.isVariableName(entry.key), !taken.contains(entry.key) else {
                diagnostics.report(
                    entry.keyPosition,
                    "a variable's name must be letters, digits and `_`, and no name that has a value already; "
                        + "found `\(entry.key)`"
                )
                continue
            }
            variables[entry.key] = plain(of: entry.value, entry.key, reader)
        }
        return variables
    }

    // MARK: actions

    private func actions(
        _ value: Parameter?,
        _ scope: Scope,
        _ severity: IncidentSeverity?
    ) -> [Runbook.Action] {
        guard let value else { return [] }
        var reader = MapReader(value, "`actions`", diagnostics: diagnostics)
        return reader.takeRest().compactMap { entry in
            if !Self.isName(entry.key) || entry.key == RunbookPart.look {
                diagnostics.report(
                    entry.keyPosition,
                    "an action's name must be letters, digits, `-`, `_` and `.`, and not "
                        + "`\(RunbookPart.look)`; found `\(entry.key)`"
                )
            }
            var reader = MapReader(entry.value, "the action `\(entry.key)`", diagnostics: diagnostics)
            guard case .map = entry.value else { return nil }
            let title = reader.required("title").flatMap { plain(of: $0, "title", reader) } ?? ""
            let written = reader.required("steps")
            let rules = StepRules(phase: .act, scope: scope, gates: Self.gates)
            let steps = written.map { self.steps($0, "`steps`", rules) } ?? []
            if let written, steps.isEmpty, case .list = written {
                diagnostics.report(written.position, "`steps` must have a step: an action changes something")
            }
            let verify = reader.optional("verify").map { checks($0, .verify, scope, severity) }
            reader.finish()
            return Runbook.Action(
                name: entry.key,
                title: Self.title(title),
                steps: steps,
                verify: verify
            )
        }
    }

    private func checkSuggestions(_ runbook: Runbook) {
        let names = runbook.actions.map(\.name)
        let all = runbook.look + runbook.actions.flatMap { $0.verify ?? [] }
        for word in all.flatMap(\.suggests) where !names.contains(word.text) {
            let nearest = Spelling.nearest(to: word.text, among: names).map { "; did you mean `\($0)`?" }
            let list =
                names.isEmpty ? "; the runbook has none" : "; there are \(names.joined(separator: ", "))"
            diagnostics.report(
                word.position,
                "`suggests` names no action `\(word.text)`\(nearest ?? list)"
            )
        }
    }

    // MARK: checks

    private func checks(
        _ value: Parameter,
        _ phase: PhaseName,
        _ scope: Scope,
        _ severity: IncidentSeverity?
    ) -> [Runbook.Check] {
        guard case .list(let items, _) = value else {
            diagnostics.report(
                value.position,
                "`\(phase)` must be a list of checks, each after a `-`, found \(value.kindDescription)"
            )
            return []
        }
        if items.isEmpty { diagnostics.report(value.position, "`\(phase)` must have a check") }
        let rules = StepRules(phase: phase, scope: scope, gates: [])
        return items.compactMap { check($0, rules, severity) }
    }

    private func check(
        _ value: Parameter,
        _ rules: StepRules,
        _ usual: IncidentSeverity?
    ) -> Runbook.Check? {
        guard case .map(let entries, let position) = value else { return step(value, rules).map(Self.bare) }
        let own = entries.filter { Self.checkKeys.contains($0.key) }
        let rest = Parameter.map(
            entries.filter { !Self.checkKeys.contains($0.key) },
            position: position
        )
        var reader = MapReader(.map(own, position: position), "a check", diagnostics: diagnostics)
        let meaning = reader.optional("severity")
        let hint = reader.optional("hint").flatMap { plain(of: $0, "hint", reader) }
        let suggests = reader.optional("suggests").map { scalars($0, reader) } ?? []
        let grades = meaning.flatMap { self.grades($0) }
        guard var step = step(rest, rules) else { return nil }
        step = graded(step, grades ?? [], at: meaning?.position ?? position)
        let severity: IncidentSeverity? =
            if grades != nil { nil } else { meaning.flatMap { self.severity($0, reader) } ?? usual }
        return Runbook.Check(step: step, severity: severity, hint: hint, suggests: suggests)
    }

    private static func bare(_ step: PlaybookStep) -> Runbook.Check {
        Runbook.Check(step: step, severity: nil, hint: nil, suggests: [])
    }

    private func scalars(_ value: Parameter, _ reader: MapReader) -> [Parameter.Scalar] {
        (reader.list(of: value, "suggests") ?? []).compactMap { item in
            guard case .scalar(let scalar) = item else {
                _ = reader.text(of: item, "suggests")
                return nil
            }
            return scalar
        }
    }

    // MARK: severities

    private func severity(_ value: Parameter, _ reader: MapReader) -> IncidentSeverity? {
        guard let text = plain(of: value, "severity", reader) else { return nil }
        return severity(text, at: value.position)
    }

    private func severity(_ text: String, at position: Position) -> IncidentSeverity? {
        if let severity = IncidentSeverity(rawValue: text) { return severity }
        let words = IncidentSeverity.allCases.map(\.rawValue).joined(separator: ", ")
        diagnostics.report(position, "`severity` must be \(words), the gravest first, found `\(text)`")
        return nil
    }

    /// Severities by what the figure is; `nil` for a severity alone.
    private func grades(_ value: Parameter) -> [MetricStep.Grade]? {
        guard case .map = value else { return nil }
        var reader = MapReader(value, "`severity`", diagnostics: diagnostics)
        let grades = reader.takeRest().compactMap { entry -> MetricStep.Grade? in
            let severity = severity(entry.key, at: entry.keyPosition)
            let condition = FigureCondition.read(entry.value, entry.key, reader)
            guard let severity, let condition else { return nil }
            return MetricStep.Grade(severity: severity, condition: condition)
        }
        return grades.sorted { $0.severity < $1.severity }
    }

    /// The step with its grades; what cannot be graded, and a figure that nothing is expected of, are mistakes.
    private func graded(
        _ step: PlaybookStep,
        _ grades: [MetricStep.Grade],
        at position: Position
    ) -> PlaybookStep {
        guard case .action(let action) = step.work, var metric = action as? MetricStep else {
            if !grades.isEmpty {
                diagnostics.report(
                    position,
                    "only `metric` has a figure that a severity can go by; give one severity, such as P1"
                )
            }
            return step
        }
        if grades.isEmpty, metric.expected == nil {
            diagnostics.report(
                step.position,
                "`metric` needs `expect`, or a `severity` that goes by the figure, such as { P1: \"> 3%\" }"
            )
        }
        metric.grades = grades
        return step.with(metric)
    }
}
