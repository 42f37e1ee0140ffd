import DeployCore
import DeployPorts
package import TrafficJudgement

/// How the candidate is judged beside the limits of its metrics.
extension PlaybookDecoder {
    /// The keys of `monitor` that say how sure the judge must be, and of what.
    func judgement(_ reader: inout MapReader) -> JudgeSettings {
        var settings = JudgeSettings()
        if let value = reader.optional("confidence"), let share = reader.percent(of: value, "confidence") {
            if (500..<1000).contains(share.tenths) {
                settings.alpha = share.rest.value / 100
            } else {
                diagnostics.report(
                    value.position,
                    "`confidence` must be from 50% to 99.9%, found `\(share)%`: how seldom a good candidate is "
                        + "rolled back"
                )
            }
        }
        if let value = reader.optional("clustering"), let text = plain(of: value, "clustering", reader) {
            if let number = Double(text), (1...1000).contains(number) {
                settings.clustering = number
            } else {
                diagnostics.report(
                    value.position,
                    "`clustering` must be a number from 1 (errors come one by one) to 1000, found `\(text)`"
                )
            }
        }
        if let value = reader.optional("compare"), let text = plain(of: value, "compare", reader) {
            if !["stable", "none"].contains(text) {
                diagnostics.report(value.position, "`compare` must be stable or none, found `\(text)`")
            }
            settings.compares = text != "none"
        }
        settings.isDryRun = reader.flag("dry_run") ?? false
        return settings
    }

    /// Requests of bgdeploy's own, for a service with few users.
    func probes(_ value: Parameter?, _ scope: Scope) -> Playbook.ProbeSettings? {
        guard let value else { return nil }
        var reader = MapReader(value, "`probes`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let path = reader.required("get").flatMap { plain(of: $0, "get", reader) }
        let every = reader.span("every") ?? .seconds(1)
        reader.finish()
        if scope.publicURL == nil {
            diagnostics.report(
                value.position,
                "`probes` go through the balancers: `public_url` must say where users reach the service"
            )
        }
        if every < Self.shortestProbe {
            diagnostics.report(
                value.child("every")?.position ?? value.position,
                "`every` must be \(Self.shortestProbe) or longer, found \(every)"
            )
        }
        guard let path else { return nil }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            diagnostics.report(
                value.child("get")?.position ?? value.position,
                "`get` must be a path that begins with `/`, found `\(path)`"
            )
            return nil
        }
        return Playbook.ProbeSettings(path: path, every: every)
    }

    /// A probe is for a few requests a second, not for load.
    private static let shortestProbe = Span.milliseconds(20)
}

extension Playbook {
    /// Sticky or chosen users fail in groups: a broken account fails with each request of a page.
    ///
    /// Measured with eight requests a page (docs/explanation/what-the-balancers-tell.md).
    private static let clusteringOfUsers = 8.0

    /// How a run of this playbook is judged.
    package var judgeSettings: JudgeSettings {
        var settings = monitor.settings
        settings.routesEachRequest = sticky == nil && !strategy.hasChosenUsers
        if !settings.routesEachRequest, settings.clustering == 1 {
            settings.clustering = Self.clusteringOfUsers
        }
        settings.endsEarly = strategy.endsEarly
        settings.requiresEvidence = strategy.requiresEvidence
        settings.severities = severities
        return settings
    }
}
