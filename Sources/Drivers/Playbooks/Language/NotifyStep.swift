import DeployCore
import DeployPorts

/// A step that tells people something: it leaves word in the journal, from which the outbox takes it.
///
/// Always succeeds, since nobody's being told is a reason to stop a deployment.
struct NotifyStep: StepAction {
    static let key = "notify"

    let text: Template
    /// The playbook's channels that it is for; empty for all.
    let names: [Parameter.Scalar]
    /// The step's own channel.
    let channel: NoticeChannel?

    var summary: String { "notify \(whom)" }
    var isReadOnly: Bool { false }
    var references: [Reference] { text.references + (channel?.notifier.references ?? []) }

    private var whom: String {
        if let channel { return channel.notifier.summary }
        return names.isEmpty ? "everybody" : names.map(\.text).joined(separator: ", ")
    }

    func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let words: String
        do throws(StepFailure) {
            words = try text.resolved(in: attempt.values)
        } catch {
            return StepResult(summary: "nobody was told: \(error.message)")
        }
        var facts: [String: String] = [:]
        if !names.isEmpty { facts[NoticeMessage.namesFact] = names.map(\.text).joined(separator: ",") }
        if channel != nil { facts[NoticeMessage.stepFact] = attempt.step.rawValue }
        attempt.note(Note(topic: NoticeMessage.topic, text: words, facts: facts))
        return StepResult(summary: "to be told: \(whom)")
    }

    /// Better told twice than not.
    func reconcile(_ attempt: StepAttempt) async -> Reconciliation { .neverStarted }

    // MARK: reading

    static func kind(_ kinds: [NotifierKind]) -> StepKind {
        StepKind(key: key, schema: PlaybookSchema.notifyStep(kinds).written()) { value, _, _, diagnostics in
            read(value, kinds, diagnostics)
        }
    }

    private static func read(
        _ value: Parameter,
        _ kinds: [NotifierKind],
        _ diagnostics: Diagnostics
    ) -> NotifyStep? {
        var reader = MapReader(value, "`notify`", diagnostics: diagnostics)
        guard case .map(let entries, _) = value else { return nil }
        let before = diagnostics.all.count
        let text = reader.required("text").flatMap { reader.template(of: $0, "text") }
        var names: [Parameter.Scalar] = []
        var channel: NoticeChannel?
        if entries.contains(where: { entry in kinds.contains { $0.key == entry.key } }) {
            guard let kind = kind(in: value, kinds, diagnostics) else { return nil }
            channel = kind.make(&reader).map { NoticeChannel(name: kind.key, notifier: $0) }
        } else if let whom = reader.optional("to") {
            for item in reader.list(of: whom, "to") ?? [] {
                if case .scalar(let scalar) = item {
                    names.append(scalar)
                } else {
                    _ = reader.text(of: item, "to")
                }
            }
        }
        reader.finish()
        guard let text, diagnostics.all.count == before else { return nil }
        return NotifyStep(text: text, names: names, channel: channel)
    }

    /// The one kind whose key `value` has.
    static func kind(
        in value: Parameter,
        _ kinds: [NotifierKind],
        _ diagnostics: Diagnostics
    ) -> NotifierKind? {
        guard case .map(let entries, let position) = value else { return nil }
        let chosen = entries.compactMap { entry in kinds.first { $0.key == entry.key } }
        if chosen.count == 1 { return chosen.first }
        let list = kinds.map(\.key).joined(separator: ", ")
        diagnostics.report(
            position,
            chosen.isEmpty
                ? "a channel needs one of \(list)"
                : "a channel has one of \(list), found \(chosen.map(\.key).joined(separator: " and "))"
        )
        return nil
    }
}
