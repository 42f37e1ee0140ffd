import DeployCore
import DeployPorts

/// A figure, read once from wherever `monitor.metrics` can read one, and what it should be.
struct MetricStep: StepAction {
    static let key = "metric"

    /// How grave a figure is.
    struct Grade: Sendable {
        let severity: IncidentSeverity
        let condition: FigureCondition
    }

    let source: Playbook.GaugeSpec
    let expected: FigureCondition?
    let within: Span?
    let folder: String
    let gauges: GaugeMaker
    /// The gravest first; a runbook's check has some.
    var grades: [Grade] = []

    var isReadOnly: Bool { true }
    var references: [Reference] { source.references }
    var ownDeadline: Span? { within }

    var summary: String {
        let place =
            switch source.source {
            case .json(let location, let field): "\(field) of \(location.source)"
            case .prometheus(let query): query.query.source
            case .command(let arguments, _): arguments.map(\.source).joined(separator: " ")
            }
        return "metric \(place)"
    }

    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let gauge = try gauges.make(source, attempt.values, folder)
        let figure: Double
        do throws(MetricsError) {
            figure = try await gauge.read()
        } catch {
            switch error {
            case .noEvidence(let text): throw StepFailure("\(summary): no figure: \(text)")
            case .unusable(let text): throw StepFailure("\(summary): \(text)", isTransient: false)
            }
        }
        if let grade = grades.first(where: { $0.condition.holds(of: figure) }) {
            let text =
                "\(grade.severity): \(grade.condition.told(figure)), and \(grade.condition) is too much"
            attempt.note(
                Note(
                    topic: RunbookFold.topic,
                    text: text,
                    facts: [
                        RunbookFold.stepFact: attempt.step.rawValue,
                        RunbookFold.severityFact: grade.severity.rawValue, "figure": "\(figure)",
                    ]
                )
            )
            throw StepFailure(
                "\(summary) is \(grade.condition.told(figure)): \(grade.severity) (\(grade.condition))"
            )
        }
        if let expected, !expected.holds(of: figure) {
            throw StepFailure("\(summary) is \(expected.told(figure)), expected \(expected)")
        }
        let told = (expected ?? grades.first?.condition)?.told(figure) ?? "\(figure)"
        return StepResult(summary: told)
    }

    // MARK: reading

    static func kind(_ gauges: GaugeMaker) -> StepKind {
        StepKind(key: key, schema: PlaybookSchema.metricStep.written()) {
            value,
            _,
            context,
            diagnostics in
            read(value, gauges, context, diagnostics)
        }
    }

    private static func read(
        _ value: Parameter,
        _ gauges: GaugeMaker,
        _ context: StepContext,
        _ diagnostics: Diagnostics
    ) -> MetricStep? {
        var reader = MapReader(value, "`metric`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let before = diagnostics.all.count
        let decoder = PlaybookDecoder(
            catalogue: Catalogue(stepKinds: [], balancerKinds: []),
            diagnostics: diagnostics,
            folder: context.folder
        )
        let source = reader.required("from").flatMap {
            decoder.gauge($0, expected: "a mapping with http, prometheus or command")
        }
        let bound = reader.optional("expect")
        let expected = bound.flatMap { FigureCondition.read($0, "expect", reader) }
        let within = reader.optional("within").flatMap { decoder.positive($0, "within", reader) }
        if bound == nil, !context.phase.isOfChecks {
            diagnostics.report(reader.position, "`metric` needs the key `expect`, such as \"< 80\"")
        }
        reader.finish()
        guard let source, diagnostics.all.count == before else { return nil }
        return MetricStep(
            source: Playbook.GaugeSpec(name: key, source: source),
            expected: expected,
            within: within,
            folder: context.folder,
            gauges: gauges
        )
    }
}
