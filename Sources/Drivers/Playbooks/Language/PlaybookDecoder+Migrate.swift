import DeployCore
import DeployPorts

/// What `migrate` says.
struct MigrationSettings {
    var steps: [PlaybookStep] = []
    /// What a person does when the stable version does not bear the new schema; `nil` when it is to bear it.
    var forwardFix: String?
}

/// The database phase: a list of commands, or a mapping whose parts are known.
extension PlaybookDecoder {
    /// In the order in which the parts run, however the playbook writes them.
    static let migrationOrder = ["lint", "rehearse", "backup", "apply"]

    func migrate(_ value: Parameter?, _ scope: Scope) -> MigrationSettings {
        guard let value else { return MigrationSettings() }
        if case .map = value { return migrateParts(value, scope) }
        return MigrationSettings(
            steps: steps(
                value,
                "`migrate`",
                StepRules(phase: .migrate, scope: scope, gates: [], only: ["run", "script", "backup"])
            )
        )
    }

    private func migrateParts(_ value: Parameter, _ scope: Scope) -> MigrationSettings {
        var reader = MapReader(value, "`migrate`", diagnostics: diagnostics)
        let timeout = reader.span("timeout")
        let forwardFix = reader.text("forward_fix")
        let kinds = catalogue.migrationKinds
        var entries: [String: Parameter.Entry] = [:]
        for kind in kinds {
            guard reader.optional(kind.key) != nil, case .map(let all, _) = value else { continue }
            entries[kind.key] = all.first { $0.key == kind.key }
        }
        // A key that nobody knows may be a slip of the pen for it.
        if entries["apply"] == nil, reader.remaining.isEmpty {
            diagnostics.report(
                value.position,
                "`migrate` needs the key `apply`, which says what brings the database forward; commands of your "
                    + "own are a list: `migrate: [{ run: [./migrate.sh] }]`"
            )
        }
        reader.finish()
        // Whoever says nothing of the gate has it.
        if entries["lint"] == nil { entries["lint"] = Self.defaultGate }
        let context = scope.stepContext(.migrate, folder: folder)
        let steps = kinds.compactMap { kind -> PlaybookStep? in
            guard let entry = entries[kind.key] else { return nil }
            let beside = kind.siblings.compactMap { entries[$0] }
            guard beside.count == kind.siblings.count else { return nil }
            guard let action = kind.make(entry.value, beside, context, diagnostics) else { return nil }
            return PlaybookStep(
                title: Self.title(action.summary),
                work: .action(action),
                deadline: timeout ?? action.ownDeadline ?? .minutes(15),
                onFailure: .stop,
                isAlways: false,
                policy: StepPolicy(isIdempotent: action.isReadOnly, captureName: kind.key),
                captures: kind.captures,
                position: entry.keyPosition
            )
        }
        return MigrationSettings(steps: steps, forwardFix: forwardFix)
    }

    private static let defaultGate: Parameter.Entry = {
        let required = Parameter.Scalar(text: "required", isQuoted: false, position: .unknown)
        let key = Parameter.Entry(
            key: "compatible_with_stable",
            keyPosition: .unknown,
            value: .scalar(required)
        )
        return Parameter.Entry(key: "lint", keyPosition: .unknown, value: .map([key], position: .unknown))
    }()
}
