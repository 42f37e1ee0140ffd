import DeployCore
import DeployPorts
import TrafficJudgement

/// `severity` and `promises`.
extension PlaybookDecoder {
    /// The names of error rates and of slowness, as the playbook orders them: the first that fits is taken.
    func severities(_ value: Parameter?) -> [Severity] {
        guard let value else { return [] }
        var reader = MapReader(value, "`severity`", diagnostics: diagnostics)
        guard case .map = value else { return [] }
        let severities = reader.takeRest().compactMap { entry -> Severity? in
            if !Self.isName(entry.key) {
                diagnostics.report(
                    entry.keyPosition,
                    "a severity's name must be letters and digits such as P1, found `\(entry.key)`"
                )
            }
            return severity(entry.key, entry.value, reader)
        }
        reader.finish()
        return severities
    }

    private func severity(_ name: String, _ value: Parameter, _ parent: MapReader) -> Severity? {
        guard case .map = value else {
            return errors(value, name, parent).map { Severity(name: name, errors: $0) }
        }
        var reader = MapReader(value, "`\(name)`", diagnostics: diagnostics)
        let (errors, latency) = (reader.optional("errors"), reader.optional("latency"))
        reader.finish()
        guard errors != nil || latency != nil else {
            diagnostics.report(value.position, "`\(name)` needs a limit: `errors`, `latency` or both")
            return nil
        }
        return Severity(
            name: name,
            errors: errors.flatMap { self.errors($0, "errors", reader) },
            latency: latency.flatMap { self.latency($0, reader) }
        )
    }

    private func errors(_ value: Parameter, _ key: String, _ reader: MapReader) -> Condition? {
        limit(value, key, "of the error rate such as `> 3%`", reader) { limit in
            if case .share = limit { true } else { false }
        }
    }

    private func latency(_ value: Parameter, _ reader: MapReader) -> Condition? {
        limit(value, "latency", "of the p95 beside the stable one's such as `> 1.5x`", reader) { limit in
            if case .timesStable = limit { true } else { false }
        }
    }

    private func limit(
        _ value: Parameter,
        _ key: String,
        _ expected: String,
        _ reader: MapReader,
        _ fits: (Condition.Limit) -> Bool
    ) -> Condition? {
        guard let text = plain(of: value, key, reader) else { return nil }
        do throws(ConditionError) {
            // There is nothing else that it could be a multiple of.
            let condition = try Condition(text.hasSuffix("x") ? text + " stable" : text)
            if fits(condition.limit) { return condition }
            diagnostics.report(value.position, "`\(key)` must be a limit \(expected), found `\(text)`")
        } catch {
            diagnostics.report(value.position, "`\(key)`: \(error)")
        }
        return nil
    }

    /// How long the ways back may take.
    func promises(_ value: Parameter?) -> [Playbook.WayBack: Span] {
        guard let value else { return [:] }
        var reader = MapReader(value, "`promises`", diagnostics: diagnostics)
        guard case .map = value else { return [:] }
        var promises: [Playbook.WayBack: Span] = [:]
        for way in Playbook.WayBack.allCases {
            guard let value = reader.optional(way.rawValue) else { continue }
            promises[way] = positive(value, way.rawValue, reader)
        }
        reader.finish()
        return promises
    }
}
