import DeployCore
import DeployPorts

/// What stands beside the steps of a runbook.
extension PlaybookDecoder {
    /// Keys of a check that say what its failure means.
    static let checkKeys = ["severity", "hint", "suggests"]
    /// Kinds that cannot know whether what they send changes something.
    private static let undecided = ["run", "script", "http", "scenario", "websocket"]

    /// What a runbook's author says of a step beside its action.
    struct Looking {
        /// That it only looks, though it does not show.
        var reads: (flag: Bool, position: Position)?
        /// That what it finds is shown to a person.
        var shows = false
    }

    func looking(_ reader: inout MapReader, _ rules: StepRules) -> Looking {
        guard rules.phase.isOfRunbook else { return Looking() }
        var looking = Looking()
        if rules.phase.isOfChecks, let value = reader.optional("reads") {
            looking.reads = (reader.flag(of: value, "reads") ?? false, value.position)
        }
        looking.shows = reader.flag("shows") ?? false
        return looking
    }

    /// The action, as the checks of a runbook may have it; what may change something is a mistake there.
    func action(
        _ action: any StepAction,
        _ key: String,
        _ looking: Looking,
        _ rules: StepRules,
        at position: Position
    ) -> any StepAction {
        let reads = looking.reads?.flag == true
        if let place = looking.reads?.position, reads, !Self.undecided.contains(key) {
            diagnostics.report(
                place,
                "`reads` is for \(Self.undecided.joined(separator: ", ")); `\(key)` knows itself whether it only looks"
            )
        } else if rules.phase.isOfChecks, !action.isReadOnly, !reads {
            let way =
                Self.undecided.contains(key)
                ? "say `reads: true` when this only looks" : "what changes something belongs into an action"
            diagnostics.report(
                position,
                "`\(rules.phase)` only looks, and `\(action.summary)` may change something; \(way)"
            )
        }
        guard reads || looking.shows else { return action }
        return LookingStep(base: action, isReadOnly: reads || action.isReadOnly, shows: looking.shows)
    }
}
