import DeployCore
import DeployPorts
import TrafficJudgement

/// What is watched while the candidate has traffic.
extension PlaybookDecoder {
    static let defaultMonitor = Span.minutes(15)
    /// What a balancer tells by itself.
    static let balancerMetrics: [String: MetricRule.Metric] = [
        "error_rate": .errorRate, "latency_p95": .latencyP95, "latency_p99": .latencyP99,
    ]

    func monitor(_ value: Parameter?, _ scope: Scope) -> Playbook.MonitorSettings {
        guard let value else {
            return Playbook.MonitorSettings(
                length: Self.defaultMonitor,
                probes: nil,
                settings: JudgeSettings(),
                rules: MetricRule.defaults,
                gauges: []
            )
        }
        var reader = MapReader(value, "`monitor`", diagnostics: diagnostics)
        let length = reader.span("for") ?? Self.defaultMonitor
        let probes = probes(reader.optional("probes"), scope)
        let settings = judgement(&reader)
        var rules = MetricRule.defaults
        var gauges: [Playbook.GaugeSpec] = []
        if let metrics = reader.optional("metrics") {
            var names = MapReader(metrics, "`metrics`", diagnostics: diagnostics)
            for entry in names.takeRest() {
                guard let (rule, gauge) = metric(entry) else { continue }
                rules.removeAll { $0.name == rule.name }
                rules.append(rule)
                if let gauge { gauges.append(gauge) }
            }
        }
        reader.finish()
        return Playbook.MonitorSettings(
            length: length,
            probes: probes,
            settings: settings,
            rules: rules,
            gauges: gauges
        )
    }

    private func metric(_ entry: Parameter.Entry) -> (MetricRule, Playbook.GaugeSpec?)? {
        if !Self.isName(entry.key) {
            diagnostics.report(
                entry.keyPosition,
                "a metric's name must be letters, digits and `_`, found `\(entry.key)`"
            )
        }
        var reader = MapReader(entry.value, "the metric `\(entry.key)`", diagnostics: diagnostics)
        guard case .map = entry.value else { return nil }
        let source = reader.required("from").flatMap { self.source($0, of: entry) }
        let limits = ["instant", "gradual", "warn"].map { limit(&reader, $0) }
        reader.finish()
        guard let source else { return nil }
        let byDefault = MetricRule.defaults.first { $0.name == entry.key }
        let isBare = limits.allSatisfy { $0 == nil }
        guard !isBare || byDefault != nil else {
            if ["instant", "gradual", "warn"].allSatisfy({ entry.value.child($0) == nil }) {
                diagnostics.report(
                    entry.value.position,
                    "the metric `\(entry.key)` needs a limit: `instant`, `gradual` or `warn`"
                )
            }
            return nil
        }
        do throws(MetricRule.Mismatch) {
            let rule = try MetricRule(
                name: entry.key,
                metric: source.metric,
                instant: isBare ? byDefault?.instant : limits[0],
                gradual: isBare ? byDefault?.gradual : limits[1],
                warn: isBare ? byDefault?.warn : limits[2]
            )
            return (rule, source.gauge)
        } catch {
            diagnostics.report(entry.value.position, error.description)
            return nil
        }
    }

    private func limit(_ reader: inout MapReader, _ key: String) -> Condition? {
        guard let value = reader.optional(key), let text = plain(of: value, key, reader) else { return nil }
        do throws(ConditionError) {
            return try Condition(text)
        } catch {
            diagnostics.report(value.position, "`\(key)`: \(error)")
            return nil
        }
    }

    // MARK: sources

    private func source(
        _ value: Parameter,
        of entry: Parameter.Entry
    ) -> (metric: MetricRule.Metric, gauge: Playbook.GaugeSpec?)? {
        if case .scalar(let scalar) = value {
            guard let metric = balancerMetric(scalar, of: entry) else { return nil }
            return (metric, nil)
        }
        guard let source = gauge(value) else { return nil }
        if Self.balancerMetrics[entry.key] != nil {
            diagnostics.report(
                entry.keyPosition,
                "`\(entry.key)` is measured at the balancer; give a number of your own another name"
            )
            return nil
        }
        return (.gauge(entry.key), Playbook.GaugeSpec(name: entry.key, source: source))
    }

    private func balancerMetric(
        _ scalar: Parameter.Scalar,
        of entry: Parameter.Entry
    ) -> MetricRule.Metric? {
        guard scalar.text == "balancer" else {
            diagnostics.report(
                scalar.position,
                "`from` must be balancer or {http: PATH, value: FIELD}, {prometheus: URL, query: TEXT} or {command: [PROGRAM, …]}, found `\(scalar.text)`"
            )
            return nil
        }
        if let metric = Self.balancerMetrics[entry.key] { return metric }
        let words = Self.balancerMetrics.keys.sorted()
        let hint = Spelling.nearest(to: entry.key, among: words).map { "; did you mean `\($0)`?" } ?? ""
        diagnostics.report(
            entry.keyPosition,
            "a balancer tells \(words.joined(separator: ", ")), not `\(entry.key)`\(hint)"
        )
        return nil
    }
}
