import DeployCore
import DeployPorts

/// Steps: what every step takes, and the action that each one has.
extension PlaybookDecoder {
    static let commonKeys = [
        "name", "timeout", "retry", "on_failure", "always", "idempotent", "when",
    ]
    static let gates = ["approval", "wait", "window", "checklist"]

    /// The steps of `value`; none when it is absent.
    func phase(_ phase: PhaseName, _ value: Parameter?, _ scope: Scope) -> [PlaybookStep] {
        guard let value else { return [] }
        let usesGates = phase != .rollback && phase != .afterwards
        return steps(
            value,
            "`\(phase)`",
            StepRules(phase: phase, scope: scope, gates: usesGates ? Self.gates : [])
        )
    }

    func steps(_ value: Parameter, _ what: String, _ rules: StepRules) -> [PlaybookStep] {
        guard case .list(let items, _) = value else {
            diagnostics.report(
                value.position,
                "\(what) must be a list of steps, each after a `-`, found \(value.kindDescription)"
            )
            return []
        }
        return items.compactMap { step($0, rules) }
    }

    /// What may stand where.
    struct StepRules {
        let phase: PhaseName
        let scope: Scope
        let gates: [String]
        /// The only kinds of actions that are allowed; `nil` for all.
        var only: [String]?

        var defaultDeadline: Span {
            switch phase {
            case .prepare, .migrate, .act: .minutes(15)
            // Who looks into trouble does not wait for what hangs.
            case .look, .verify: .seconds(20)
            default: .seconds(60)
            }
        }
    }

    func step(_ value: Parameter, _ rules: StepRules) -> PlaybookStep? {
        guard case .map(let entries, _) = value else {
            diagnostics.report(
                value.position,
                "a step must be a mapping, such as `run: [./deploy.sh]`, found \(value.kindDescription)"
            )
            return nil
        }
        guard let entry = action(among: entries, at: value.position, rules) else { return nil }
        let kind = catalogue.stepKind(entry.key)
        let siblings = kind?.siblings ?? []
        var reader = MapReader(value, "a step", diagnostics: diagnostics)
        _ = reader.optional(entry.key)
        let common = commonKeys(&reader, action: entry, rules)
        let looking = looking(&reader, rules)
        let beside = siblings.compactMap { key -> Parameter.Entry? in
            // A key that every step takes, such as `name`, has been read already.
            _ = reader.optional(key)
            return entries.first { $0.key == key }
        }
        let step =
            if let kind {
                actionStep(entry, kind, beside, common, looking, value.position, rules)
            } else {
                gate(entry, common, value.position)
            }
        reader.finish(also: rules.phase.isOfChecks ? Self.checkKeys : [])
        return step
    }

    /// The one key of a step that says what it does.
    private func action(
        among entries: [Parameter.Entry],
        at position: Position,
        _ rules: StepRules
    ) -> Parameter.Entry? {
        let allowed = rules.only ?? catalogue.stepKinds.map(\.key) + rules.gates
        let known = catalogue.stepKinds.map(\.key) + Self.gates
        let siblings = Set(entries.flatMap { catalogue.stepKind($0.key)?.siblings ?? [] })
        let chosen = entries.filter { known.contains($0.key) && !siblings.contains($0.key) }
        guard let first = chosen.first else {
            let others = entries.filter { !Self.commonKeys.contains($0.key) }
            let guess = others.first { Spelling.nearest(to: $0.key, among: allowed) != nil } ?? others.first
            diagnostics.report(
                guess?.keyPosition ?? position,
                "a step needs one action of \(allowed.sorted().joined(separator: ", "))"
                    + found(guess, among: allowed)
            )
            return nil
        }
        if let second = chosen.dropFirst().first {
            diagnostics.report(
                second.keyPosition,
                "a step has one action, found `\(first.key)` and `\(second.key)`; make two steps of it"
            )
            return nil
        }
        guard allowed.contains(first.key) else {
            let list = allowed.sorted().joined(separator: ", ")
            diagnostics.report(first.keyPosition, "`\(rules.phase)` takes \(list), not `\(first.key)`")
            return nil
        }
        return first
    }

    // MARK: actions

    private func actionStep(
        _ entry: Parameter.Entry,
        _ kind: StepKind,
        _ siblings: [Parameter.Entry],
        _ common: CommonKeys,
        _ looking: Looking,
        _ position: Position,
        _ rules: StepRules
    ) -> PlaybookStep? {
        let context = rules.scope.stepContext(rules.phase, folder: folder)
        guard let made = kind.make(entry.value, siblings, context, diagnostics) else { return nil }
        let action = action(made, entry.key, looking, rules, at: entry.keyPosition)
        let captures = Self.captures(of: entry.value) + kind.captures
        if let name = common.name, !captures.isEmpty, !Self.isName(name) || name.contains(".") {
            diagnostics.report(
                position,
                "the name of a step that captures values must be letters, digits, `-` and `_`, found `\(name)`"
            )
        }
        return PlaybookStep(
            title: Self.title(common.name ?? action.summary),
            work: .action(action),
            deadline: common.timeout ?? action.ownDeadline ?? rules.defaultDeadline,
            onFailure: common.onFailure,
            isAlways: common.isAlways,
            policy: StepPolicy(
                attempts: common.retry.attempts,
                every: common.retry.every,
                backoff: common.retry.backoff,
                isIdempotent: common.isIdempotent ?? action.isReadOnly,
                condition: common.condition,
                captureName: common.name ?? entry.key
            ),
            captures: captures,
            position: position
        )
    }

    /// By the convention of every kind: the mapping `capture` has a name for each place of the answer, and a list
    /// of actions captures what they do.
    private static func captures(of value: Parameter) -> [String] {
        if case .list(let items, _) = value {
            return items.flatMap { item in
                guard case .map(let entries, _) = item else { return [] as [String] }
                return entries.flatMap { captures(of: $0.value) }
            }
        }
        guard case .map(let entries, _)? = value.child("capture") else { return [] }
        return entries.map(\.key)
    }

    static func title(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return line.count > 120 ? line.prefix(119) + "…" : line
    }

    /// A connection to every server, where the playbook says nothing of `validate`.
    func defaultChecks(_ scope: Scope) -> [EnvironmentName: [PlaybookStep]] {
        guard catalogue.stepKind("tcp") != nil else { return [:] }
        let rules = StepRules(phase: .validate, scope: scope, gates: [])
        // An address that cannot be tried is no mistake of the playbook: nobody asked for the check.
        let quiet = PlaybookDecoder(catalogue: catalogue, diagnostics: Diagnostics(), folder: folder)
        var checks: [EnvironmentName: [PlaybookStep]] = [:]
        for environment in scope.environments {
            checks[environment.name] = environment.servers.compactMap { server in
                guard !server.hasPrefix("unix:"), !server.hasPrefix("/") else { return nil }
                let port = server.split(separator: ":").last.flatMap { Int($0) }
                let address = Parameter.Scalar(
                    text: port == nil ? server + ":80" : server,
                    isQuoted: true,
                    position: .unknown
                )
                let entry = Parameter.Entry(key: "tcp", keyPosition: .unknown, value: .scalar(address))
                return quiet.step(.map([entry], position: .unknown), rules)
            }
        }
        return checks
    }
}
