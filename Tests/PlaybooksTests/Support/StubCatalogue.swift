import DeployCore
import DeployPorts
import Playbooks

/// Kinds that read like the real ones and do nothing.
enum StubCatalogue {
    static let catalogue = Catalogue(
        stepKinds: [
            http, kind("run", siblings: ["env", "on"], isReadOnly: false), script, tcp,
            kind("env", isReadOnly: true), kind("backup", isReadOnly: false),
        ],
        migrationParts: [gate, rehearse, kind("apply", isReadOnly: false)],
        balancerKinds: [nginx, haproxy],
        notifierKinds: [slack],
        gauges: GaugeMaker { spec, _, _ in StubGauge(spec) },
        zones: StubZones()
    )

    private static let slack = NotifierKind(
        key: "slack",
        properties: [("slack", #"{"type": "string"}"#)],
        topics: [.started]
    ) { reader in
        let url = reader.required("slack").flatMap { reader.template(of: $0, "slack") }
        return url.map(StubNotifier.init)
    }

    private static let gate = StepKind(key: "lint", schema: "{}", siblings: ["apply"]) {
        value,
        siblings,
        _,
        _ in
        let isRequired = text(of: "compatible_with_stable", in: value) == "required"
        let summary = "lint of \(tool(siblings))\(isRequired ? ", required" : "")"
        return StubAction(summary: summary, isReadOnly: true, value: value)
    }

    private static let rehearse = StepKind(key: "rehearse", schema: "{}", siblings: ["apply"]) {
        value,
        siblings,
        _,
        _ in
        StubAction(summary: "rehearse of \(tool(siblings))", isReadOnly: false, value: value)
    }

    static func text(of key: String, in value: Parameter) -> String? {
        guard case .map(let entries, _) = value,
            case .scalar(let scalar)? = entries.first(where: { $0.key == key })?.value
        else { return nil }
        return scalar.text
    }

    /// The first key of `apply`.
    private static func tool(_ siblings: [Parameter.Entry]) -> String {
        guard case .map(let entries, _)? = siblings.first?.value else { return "" }
        return entries.first?.key ?? ""
    }

    /// What the driver of the first balancer was told of the playbook.
    static func context(of playbook: Playbook) -> BalancerContext? {
        (playbook.balancers.first?.balancer as? StubBalancer)?.context
    }

    private static let http = StepKind(
        key: "http",
        schema: """
            {"type": "object", "additionalProperties": {}, "properties": {"get": {"type": "string"}}}
            """
    ) { value, _, context, diagnostics in
        guard case .map(let entries, _) = value else {
            diagnostics.report(value.position, "`http` must be a mapping")
            return nil
        }
        let isRead = entries.contains { $0.key == "get" }
        return StubAction(summary: "http in \(context.phase)", isReadOnly: isRead, value: value)
    }

    private static let tcp = StepKind(key: "tcp", schema: #"{"type": "string"}"#) { value, _, _, _ in
        guard case .scalar(let scalar) = value else { return nil }
        return StubAction(summary: "tcp \(scalar.text)", isReadOnly: true, value: value)
    }

    private static let script = StepKind(key: "script", schema: #"{"type": "string"}"#) { value, _, _, _ in
        guard case .scalar(let scalar) = value else { return nil }
        return StubAction(summary: scalar.text, isReadOnly: false, value: .list([], position: value.position))
    }

    private static func kind(_ key: String, siblings: [String] = [], isReadOnly: Bool) -> StepKind {
        StepKind(key: key, schema: "{}", siblings: siblings) { value, _, _, _ in
            StubAction(summary: key, isReadOnly: isReadOnly, value: value)
        }
    }

    private static let nginx = BalancerKind(
        key: "nginx",
        schema: """
            {"type": "object", "required": ["nginx", "upstream"], "additionalProperties": false, "properties":
              {"nginx": {"type": "string"}, "upstream": {"type": "string"}, "log": {"type": "string"}}}
            """
    ) { reader, context in
        let file = reader.required("nginx").flatMap { reader.text(of: $0, "nginx") }
        let upstream = reader.required("upstream").flatMap { reader.text(of: $0, "upstream") }
        _ = reader.text("log")
        guard let file, upstream != nil else { return nil }
        return ConfiguredBalancer(
            balancer: StubBalancer(name: "nginx \(file)", context: context),
            source: nil
        )
    }

    private static let haproxy = BalancerKind(
        key: "haproxy",
        schema: """
            {"type": "object", "required": ["haproxy"], "additionalProperties": false, "properties":
              {"haproxy": {"type": "string"}, "backend": {"type": "string"}, "socket": {"type": "string"}}}
            """
    ) { reader, _ in
        let file = reader.required("haproxy").flatMap { reader.text(of: $0, "haproxy") }
        _ = (reader.text("backend"), reader.text("socket"))
        return file.map { ConfiguredBalancer(balancer: StubBalancer(name: "haproxy \($0)"), source: nil) }
    }
}

struct StubAction: StepAction {
    let summary: String
    let isReadOnly: Bool
    let references: [Reference]

    init(summary: String, isReadOnly: Bool, value: Parameter) {
        self.summary = summary
        self.isReadOnly = isReadOnly
        references = Self.references(in: value)
    }

    private static func references(in value: Parameter) -> [Reference] {
        switch value {
        case .scalar(let scalar): (try? Template(scalar.text, at: scalar.position))?.references ?? []
        case .list(let items, _): items.flatMap(references(in:))
        case .map(let entries, _): entries.flatMap { references(in: $0.value) }
        }
    }

    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        throw StepFailure("a stub does nothing")
    }
}

struct StubNotifier: Notifier {
    let url: Template

    var summary: String { "slack" }
    var references: [Reference] { url.references }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        throw .refused(reason: "a stub does nothing")
    }
}

/// Two places, whose clocks never change.
struct StubZones: Zones {
    let names = ["UTC", "America/New_York"]

    func offsets(of zone: String, from start: Timestamp, until end: Timestamp) -> ZoneOffsets? {
        names.firstIndex(of: zone).map { ZoneOffsets(seconds: $0 * -5 * 3600) }
    }
}

/// Named only; every call fails.
struct StubBalancer: LoadBalancer {
    let name: String
    var context: BalancerContext?

    func observe() async throws(LoadBalancerError) -> BalancerObservation { throw .unreachable("stub") }
    func inspect() async throws(LoadBalancerError) { throw .unreachable("stub") }
    func render(_ split: Split) async throws(LoadBalancerError) -> FileChange { throw .unreachable("stub") }
    func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        throw .unreachable("stub")
    }
    func commit(_ staged: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        throw .unreachable("stub")
    }
    func discard(_ staged: StagedSplit) async {}
    func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        throw .unreachable("stub")
    }
    func mark() async throws(LoadBalancerError) -> BalancerMark { throw .unreachable("stub") }
    func restore(by actor: Actor, reason: String) async throws(LoadBalancerError) -> BalancerObservation {
        throw .unreachable("stub")
    }
    func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        throw .unreachable("stub")
    }
}

/// Reads the number that its command is.
struct StubGauge: Gauge {
    let name: String
    private let figure: Double?

    init(_ spec: Playbook.GaugeSpec) {
        name = spec.name
        if case .command(let words, _) = spec.source {
            figure = words.first.flatMap { Double($0.source) }
        } else {
            figure = nil
        }
    }

    func read() async throws(MetricsError) -> Double {
        guard let figure else { throw .noEvidence("a stub knows no number") }
        return figure
    }
}
