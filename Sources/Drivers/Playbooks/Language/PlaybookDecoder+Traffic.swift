import DeployCore
import DeployPorts

/// How the traffic goes over, and how it comes back.
extension PlaybookDecoder {
    static let defaultHold = Span.minutes(10)
    static let defaultReturnHold = Span.minutes(2)

    /// With `drainsLast`, nothing stays on the stable environment by default: it is drained after the switch.
    func strategy(_ value: Parameter?, drainsLast: Bool) -> Playbook.Strategy {
        guard let value else { return .instant }
        if case .scalar(let scalar) = value {
            if scalar.text == "instant" { return .instant }
            diagnostics.report(
                value.position,
                "`strategy` must be instant or a mapping with `canary`, found `\(scalar.text)`"
            )
            return .instant
        }
        var reader = MapReader(value, "`strategy`", diagnostics: diagnostics)
        guard case .map = value else { return .instant }
        let hasChosenUsers = reader.optional("ab") != nil
        _ = reader.optional("sticky")
        let hold = reader.optional("hold").flatMap { positive($0, "hold", reader) } ?? Self.defaultHold
        let endsEarly = reader.flag("early") ?? true
        let requiresEvidence = requiresEvidence(reader.optional("evidence"))
        let isMissing = !hasChosenUsers && value.child("canary") == nil
        if isMissing {
            diagnostics.report(value.position, "`strategy` needs the key `canary` or the key `ab`")
        }
        let rising = reader.optional("canary").flatMap { self.rising($0, reader) } ?? [.full]
        let shares = hasChosenUsers ? [.zero] + rising : rising
        let byDefault = drainsLast ? nil : Playbook.Strategy.defaultHoldback(of: shares)
        let holdback = reader.optional("holdback").map { self.holdback($0, shares, drainsLast, reader) }
        reader.finish()
        return Playbook.Strategy(
            shares: shares,
            hold: shares.count > 1 ? hold : .zero,
            endsEarly: endsEarly,
            requiresEvidence: requiresEvidence,
            hasChosenUsers: hasChosenUsers,
            holdback: holdback ?? byDefault
        )
    }

    private func requiresEvidence(_ value: Parameter?) -> Bool {
        guard let value else { return false }
        if case .scalar(let scalar) = value, ["wanted", "required"].contains(scalar.text) {
            return scalar.text == "required"
        }
        diagnostics.report(
            value.position,
            "`evidence` must be wanted or required, found \(value.kindDescription)"
        )
        return false
    }

    /// `nil` for none.
    private func holdback(
        _ value: Parameter,
        _ shares: [Percent],
        _ drainsLast: Bool,
        _ reader: MapReader
    ) -> Percent? {
        if case .scalar(let scalar) = value, scalar.text == "none" { return nil }
        guard let share = reader.percent(of: value, "holdback"), share > .zero else { return nil }
        if drainsLast {
            diagnostics.report(
                value.position,
                "`holdback` keeps users on the environment that `order` drains after the switch: use "
                    + "`holdback: none`, or drain before the switch"
            )
            return nil
        }
        guard shares.count > 1, shares[shares.count - 2] < share.rest else {
            diagnostics.report(
                value.position,
                "`holdback` leaves the candidate \(share.rest) %, which must be more than the canary's share "
                    + "before 100 %"
            )
            return nil
        }
        return share
    }

    private func rising(_ value: Parameter, _ reader: MapReader) -> [Percent]? {
        guard let shares = percents(value, "canary", reader) else { return nil }
        guard shares.last == .full, zip(shares, shares.dropFirst()).allSatisfy({ $0 < $1 }), shares[0] > .zero
        else {
            diagnostics.report(
                value.position,
                "`canary` must rise from more than 0% to 100%, such as [10%, 25%, 50%, 100%]"
            )
            return nil
        }
        return shares
    }

    /// `nil` when one of them was wrong.
    private func percents(_ value: Parameter, _ key: String, _ reader: MapReader) -> [Percent]? {
        guard let items = reader.list(of: value, key) else { return nil }
        let shares = items.compactMap { reader.percent(of: $0, key) }
        if items.isEmpty { diagnostics.report(value.position, "`\(key)` must name at least one share") }
        return shares.count == items.count && !items.isEmpty ? shares : nil
    }

    // MARK: drain

    func drain(_ value: Parameter?, _ scope: Scope) -> Playbook.DrainSettings? {
        guard let value else { return nil }
        var reader = MapReader(value, "`drain`", diagnostics: diagnostics)
        let rules = StepRules(phase: .drain, scope: scope, gates: [])
        let request = reader.optional("request").flatMap { step($0, rules) }
        let grace = reader.span("grace") ?? .seconds(30)
        let whatIsLeft = reader.optional("then").map { leftOpen($0) } ?? "proceed"
        let gauge = reader.optional("connections").flatMap { connections($0) }
        reader.finish()
        return Playbook.DrainSettings(
            request: request,
            grace: grace,
            connections: gauge,
            whenNotEmpty: whatIsLeft == "stop" ? .stop : .proceed,
            closesRest: whatIsLeft == "close"
        )
    }

    /// What happens to connections that are open after the grace.
    private func leftOpen(_ value: Parameter) -> String {
        if case .scalar(let scalar) = value, ["proceed", "stop", "close"].contains(scalar.text) {
            return scalar.text
        }
        diagnostics.report(
            value.position,
            "`then` must be proceed, stop or close, found \(value.kindDescription)"
        )
        return "proceed"
    }

    /// `nil` for the default, the balancers' own count.
    private func connections(_ value: Parameter) -> Playbook.GaugeSpec? {
        if case .scalar(let scalar) = value {
            if scalar.text != "balancer" {
                diagnostics.report(
                    value.position,
                    "`connections` must be `balancer` or a mapping with `http` and `value`, found `\(scalar.text)`"
                )
            }
            return nil
        }
        var reader = MapReader(value, "`connections`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let location = reader.required("http").flatMap { reader.template(of: $0, "http") }
        let field = reader.required("value").flatMap { plain(of: $0, "value", reader) }
        reader.finish()
        guard let location, let field else { return nil }
        return Playbook.GaugeSpec(name: "connections", source: .json(location: location, field: field))
    }

    // MARK: the way back

    func rollback(_ value: Parameter?, _ scope: Scope) -> Playbook.RollbackSettings {
        let quarter = [Percent(25), Percent(0)].compactMap(\.self)
        guard let value else {
            return Playbook.RollbackSettings(gradual: quarter, hold: Self.defaultReturnHold, steps: [])
        }
        var reader = MapReader(value, "`rollback`", diagnostics: diagnostics)
        let gradual = reader.optional("gradual").flatMap { falling($0, reader) }
        let hold = reader.optional("hold").flatMap { positive($0, "hold", reader) }
        let steps = phase(.rollback, reader.optional("then"), scope)
        reader.finish()
        return Playbook.RollbackSettings(
            gradual: gradual ?? quarter,
            hold: hold ?? Self.defaultReturnHold,
            steps: steps
        )
    }

    private func falling(_ value: Parameter, _ reader: MapReader) -> [Percent]? {
        guard let shares = percents(value, "gradual", reader) else { return nil }
        guard shares.last == .zero, zip(shares, shares.dropFirst()).allSatisfy({ $0 > $1 }) else {
            diagnostics.report(value.position, "`gradual` must fall to 0%, such as [25%, 0%]")
            return nil
        }
        return shares
    }
}
