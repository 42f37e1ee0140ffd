import DeployCore
package import DeployPorts
import TrafficJudgement

/// Whom a run tells.
extension PlaybookDecoder {
    /// The keys of a channel beside those of its kind.
    static let channelKeys = ["name", "on", "escalate"]

    /// Of what a file's runs tell.
    enum Topics {
        /// With the names of its severities.
        case playbook([String])
        case runbook

        var all: [NoticeTopic] {
            switch self {
            case .playbook(let severities): NoticeTopic.named + severities.map(NoticeTopic.severity)
            case .runbook:
                NoticeTopic.ofRunbooks + IncidentSeverity.allCases.map { NoticeTopic.severity($0.rawValue) }
            }
        }

        /// What a channel is told of that does not say.
        func usual(of kind: NotifierKind) -> [NoticeTopic] {
            switch self {
            case .playbook: kind.topics
            case .runbook:
                [.incident, .resolved] + kind.topics.filter { NoticeTopic.ofRunbooks.contains($0) }
            }
        }
    }

    func notify(_ value: Parameter?, knowing topics: Topics) -> [NoticeChannel] {
        guard let value else { return [] }
        guard case .list(let items, _) = value else {
            diagnostics.report(
                value.position,
                "`notify` must be a list of channels, each after a `-`, found \(value.kindDescription)"
            )
            return []
        }
        return items.compactMap { channel($0, topics) }
    }

    private func channel(_ value: Parameter, _ known: Topics) -> NoticeChannel? {
        var reader = MapReader(value, "a channel of `notify`", diagnostics: diagnostics)
        guard case .map = value, let kind = NotifyStep.kind(in: value, catalogue.notifierKinds, diagnostics)
        else { return nil }
        let name = reader.optional("name").flatMap { self.name(of: $0, "name", reader) }
        let topics = reader.optional("on").map { self.topics($0, reader, known) } ?? known.usual(of: kind)
        let escalate = reader.optional("escalate")
        let escalations = escalate.map { self.escalations($0, reader) } ?? []
        if let escalate, !topics.contains(where: \.isAlarm) {
            diagnostics.report(
                escalate.position,
                "`escalate` is for what needs a person: `on` has no "
                    + known.all.filter { $0.isAlarm && $0.severity == nil }.map(\.rawValue)
                    .joined(separator: ", ") + " or severity"
            )
        }
        let notifier = kind.make(&reader)
        reader.finish()
        return notifier.map {
            NoticeChannel(
                name: name ?? kind.key,
                notifier: $0,
                topics: Set(topics),
                escalations: escalations
            )
        }
    }

    private func topics(
        _ value: Parameter,
        _ reader: MapReader,
        _ topics: Topics
    ) -> [NoticeTopic] {
        let known = topics.all
        return (reader.list(of: value, "on") ?? []).compactMap { item in
            guard let text = plain(of: item, "on", reader) else { return nil }
            if let topic = known.first(where: { $0.rawValue == text }) { return topic }
            let words = known.map(\.rawValue)
            let hint = Spelling.nearest(to: text, among: words).map { "did you mean `\($0)`?" }
            let isSeverity = NoticeTopic(rawValue: text).severity != nil
            let why = isSeverity ? "`severity` does not name it" : hint
            diagnostics.report(
                item.position,
                "`on` knows no `\(text)`; \(why ?? "there are \(words.joined(separator: ", "))")"
            )
            return nil
        }
    }

    private func escalations(_ value: Parameter, _ reader: MapReader) -> [NoticeChannel.Escalation] {
        (reader.list(of: value, "escalate") ?? []).compactMap { item in
            var reader = MapReader(item, "an escalation", diagnostics: diagnostics)
            guard case .map = item else { return nil }
            let after = reader.required("after").flatMap { positive($0, "after", reader) }
            let whom = reader.required("to").flatMap { name(of: $0, "to", reader) }
            reader.finish()
            guard let after, let whom else { return nil }
            return NoticeChannel.Escalation(after: after, to: whom)
        }
    }

    /// Steps that tell may name the playbook's channels only.
    func checkTold(_ playbook: Playbook) {
        let names = Set(playbook.notify.map(\.name))
        for step in playbook.allSteps {
            guard case .action(let action) = step.work, let telling = action as? NotifyStep else { continue }
            if names.isEmpty, telling.channel == nil {
                diagnostics.report(
                    step.position,
                    "`notify` has nobody to tell: name a channel here, or let the playbook have a `notify`"
                )
            }
            for name in telling.names where !names.isEmpty && !names.contains(name.text) {
                let list = names.sorted().joined(separator: ", ")
                diagnostics.report(name.position, "`to` knows no channel `\(name.text)`; there are \(list)")
            }
        }
    }
}

extension Playbook {
    /// Whom a run of this playbook tells, without the secrets.
    package func noticeBook(for frozen: FrozenPlan) -> NoticeBook {
        let severities = severities
        return NoticeBook(
            channels: notify,
            ofSteps: frozen.actions.compactMapValues { ($0 as? NotifyStep)?.channel },
            grades: NoticeGrades(names: severities.map(\.name)) { severities.first(for: $0, slowdown: $1) }
        )
    }
}
