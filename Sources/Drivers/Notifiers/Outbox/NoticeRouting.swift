import DeployCore
import DeployPorts

/// Says, entry by entry of one run's journal, what goes to whom and when.
///
/// The same entries and the same book give the same records with the same keys.
struct NoticeRouting {
    private let book: NoticeBook
    private var fold: NoticeFold
    /// What may have to be acknowledged or resolved.
    private var open: [Incident: Notice] = [:]

    private struct Incident: Hashable {
        let channel: Int
        let escalatedTo: String?
    }

    init(run: RunID, book: NoticeBook) {
        self.book = book
        fold = NoticeFold(run: run, grades: book.grades)
    }

    mutating func records(of entry: JournalEntry) -> [OutboxRecord] {
        let seen = fold.take(entry.event, sequence: entry.sequence)
        var records: [OutboxRecord] = []
        if seen.hasActed { records += acknowledgements(at: entry) }
        if let resolved = seen.notices.first(where: { $0.topic == .resolved }) {
            records += resolutions(ofIncidentBy: resolved)
        } else if seen.hasSettledWell, let ending = seen.notices.first(where: { $0.topic.isEnding }) {
            records += resolutions(by: ending)
        }
        // Good news that close an incident open no other.
        let closed = Set(records.filter { $0.act == .resolve }.map(\.channel))
        for notice in seen.notices { records += tellings(of: notice, but: closed) }
        for message in seen.messages { records += tellings(of: message) }
        return records
    }

    private mutating func tellings(of notice: Notice, but closed: Set<String>) -> [OutboxRecord] {
        var records: [OutboxRecord] = []
        for (index, channel) in book.channels.enumerated() where channel.topics.contains(notice.topic) {
            guard !notice.topic.isEnding || !closed.contains("\(index)") else { continue }
            // An incident is told once to who asks for its severity as well.
            let isTold = notice.runbook?.incident != nil && channel.topics.contains(.incident)
            guard notice.topic.severity == nil || !isTold else { continue }
            records.append(OutboxRecord(channel: "\(index)", channel, notice: notice, due: notice.at))
            note(notice, Incident(channel: index, escalatedTo: nil))
            guard notice.topic.isAlarm else { continue }
            for escalation in channel.escalations {
                records.append(record(of: escalation, notice, from: index))
            }
        }
        return records
    }

    private mutating func record(
        of escalation: NoticeChannel.Escalation,
        _ notice: Notice,
        from index: Int
    ) -> OutboxRecord {
        let target = book.channels.firstIndex { $0.name == escalation.to } ?? index
        note(notice, Incident(channel: target, escalatedTo: escalation.to))
        return OutboxRecord(
            channel: "\(target)",
            book.channels[target],
            notice: notice,
            escalatedTo: escalation.to,
            due: notice.at.advanced(by: escalation.after)
        )
    }

    private func tellings(of message: NoticeMessage) -> [OutboxRecord] {
        if let step = message.step, let channel = book.ofSteps[step] {
            let place = OutboxRecord.place(of: step)
            return [
                OutboxRecord(channel: place, channel, notice: message.notice, due: message.notice.at)
            ]
        }
        return book.channels.enumerated().compactMap { index, channel in
            guard message.names.isEmpty || message.names.contains(channel.name) else { return nil }
            return OutboxRecord(
                channel: "\(index)",
                channel,
                notice: message.notice,
                due: message.notice.at
            )
        }
    }

    private mutating func note(_ notice: Notice, _ incident: Incident) {
        if book.channels[incident.channel].notifier.acts.contains(.resolve) { open[incident] = notice }
    }

    private func acknowledgements(at entry: JournalEntry) -> [OutboxRecord] {
        incidents.compactMap { incident in
            guard let notice = open[incident],
                book.channels[incident.channel].notifier.acts.contains(.acknowledge)
            else { return nil }
            return record(.acknowledge, incident, notice.moved(to: entry.sequence, at: entry.event.at))
        }
    }

    /// Where `ending` is more trouble by the playbook's word, it is told and nothing is resolved.
    private mutating func resolutions(by ending: Notice) -> [OutboxRecord] {
        let settled = incidents.filter {
            ending.topic == .succeeded || !book.channels[$0.channel].topics.contains(ending.topic)
        }
        for incident in settled { open[incident] = nil }
        return settled.map { record(.resolve, $0, ending) }
    }

    /// An earlier run told of the incident, by the same runbook's channels.
    private func resolutions(ofIncidentBy notice: Notice) -> [OutboxRecord] {
        book.channels.enumerated().flatMap { index, channel -> [OutboxRecord] in
            guard channel.topics.contains(where: { $0 == .incident || $0.severity != nil }) else { return [] }
            let targets = channel.escalations.map { escalation in
                Incident(
                    channel: book.channels.firstIndex { $0.name == escalation.to } ?? index,
                    escalatedTo: escalation.to
                )
            }
            return ([Incident(channel: index, escalatedTo: nil)] + targets).compactMap { incident in
                let acts = book.channels[incident.channel].notifier.acts
                return acts.contains(.resolve) ? record(.resolve, incident, notice) : nil
            }
        }
    }

    private var incidents: [Incident] {
        open.keys.sorted { ($0.channel, $0.escalatedTo ?? "") < ($1.channel, $1.escalatedTo ?? "") }
    }

    private func record(_ act: NoticeAct, _ incident: Incident, _ notice: Notice) -> OutboxRecord {
        OutboxRecord(
            channel: "\(incident.channel)",
            book.channels[incident.channel],
            act: act,
            notice: notice,
            escalatedTo: incident.escalatedTo,
            due: notice.at
        )
    }
}
