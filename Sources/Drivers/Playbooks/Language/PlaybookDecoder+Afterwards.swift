import DeployCore
import DeployPorts

/// What is done once a release has been live for a while, and when the environment before goes.
extension PlaybookDecoder {
    func afterwards(_ value: Parameter?, _ scope: Scope) -> Playbook.AfterwardsSettings {
        var settings = Playbook.AfterwardsSettings()
        guard let value else { return settings }
        guard case .list(let items, _) = value else {
            diagnostics.report(
                value.position,
                "`afterwards` must be a list of `in` and `do`, found \(value.kindDescription)"
            )
            return settings
        }
        for item in items {
            guard item.child("retire") != nil else {
                settings.followUps += [followUp(item, scope)].compactMap(\.self)
                continue
            }
            if settings.retirement != nil {
                diagnostics.report(item.position, "an environment is retired once: `retire` stands twice")
            }
            settings.retirement = retirement(item, scope)
        }
        return settings
    }

    private func followUp(_ value: Parameter, _ scope: Scope) -> Playbook.FollowUpSettings? {
        var reader = MapReader(value, "an entry of `afterwards`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let after = reader.required("in").flatMap { reader.span(of: $0, "in") }
        let steps = phase(.afterwards, reader.required("do"), scope)
        reader.finish()
        return Playbook.FollowUpSettings(after: after ?? .zero, steps: steps)
    }

    private func retirement(_ value: Parameter, _ scope: Scope) -> Playbook.FollowUpSettings? {
        var entry = MapReader(value, "an entry that retires", diagnostics: diagnostics)
        guard let terms = entry.optional("retire") else { return nil }
        entry.finish()
        var reader = MapReader(terms, "`retire`", diagnostics: diagnostics)
        let after = reader.span("after")
        let steps = phase(.afterwards, reader.optional("do"), scope)
        reader.finish()
        return Playbook.FollowUpSettings(after: after ?? Retirement.defaultTime, steps: steps)
    }
}
