import DeployPorts

/// How an nginx divides the traffic.
package enum NginxMode: String, Hashable, Sendable, CaseIterable {
    /// The weights of the user's `upstream` block are edited, and nginx is reloaded.
    case weights
    /// Installed once; then a link is renamed, and nginx is not reloaded.
    case switchboard
    /// The file is bgdeploy's as a whole, and nginx is reloaded.
    case generated

    /// Whether a user can stay on one side, and users can be chosen.
    var knowsUsers: Bool { self != .weights }

    /// Reads the key `mode` and refuses what the mode cannot do; `nil` when it reported.
    ///
    /// Without the key it is weights, or switchboard where the playbook tells users apart.
    static func mode(from reader: inout MapReader, _ context: BalancerContext) -> NginxMode? {
        let value = reader.optional("mode")
        let knowsUsers = context.sticky != nil || context.chosenUsers != nil
        var mode = knowsUsers ? NginxMode.switchboard : .weights
        if let value, let text = reader.text(of: value, "mode") {
            guard let known = NginxMode(rawValue: text) else {
                let all = allCases.map(\.rawValue).joined(separator: ", ")
                reader.diagnostics.report(value.position, "`mode` must be one of \(all), found `\(text)`")
                return nil
            }
            mode = known
        }
        guard knowsUsers, !mode.knowsUsers else { return mode }
        let wish = context.sticky == nil ? "`ab`" : "`sticky`"
        reader.diagnostics.report(
            value?.position ?? reader.position,
            "an nginx in `mode: weights` divides requests and does not know users, so it cannot do \(wish); say `mode: switchboard` (`bgdeploy traffic install` puts it into the configuration once) or `mode: generated`"
        )
        return nil
    }
}
