package import DeployCore
package import DeployPorts
import Foundation

extension Record.Kind {
    /// Notices to be delivered.
    package static let notification = Record.Kind(rawValue: "notification")
    /// Notices that were given up, and why.
    package static let undelivered = Record.Kind(rawValue: "undelivered")
    /// By run: up to which entry of its journal the outbox has the notices.
    package static let noticed = Record.Kind(rawValue: "noticed")
    /// By run: somebody takes care of what was told.
    package static let acknowledged = Record.Kind(rawValue: "acknowledged")
}

/// A document of the outbox, with the names of the secrets that are needed, never their values.
package struct OutboxRecord: Hashable, Codable, Sendable {
    /// The channel's place in the playbook's `notify`, from 0, or `step:` and the step that brings it along.
    package let channel: String
    /// The channel's kind and name, for a person.
    package let name: String
    /// The names in the channel's texts.
    package let references: [String]
    package let act: NoticeAct
    package let notice: Notice
    package let escalatedTo: String?
    /// When it was to be told first.
    package let due: Timestamp
    package var attempts = 0
    /// Why the latest attempt failed.
    package var problem: String?

    /// Unique, and in the order of telling within a run and channel; the delivery's identity.
    var key: String {
        let number = String(notice.sequence)
        let sequence = String(repeating: "0", count: max(0, 8 - number.count)) + number
        let whom = escalatedTo.map { "." + $0 } ?? ""
        return "\(lane)\(sequence)/\(act.rawValue).\(notice.topic)\(whom)"
    }

    /// What is told one after the other has this prefix in its ``key``.
    var lane: String { "\(notice.run)/\(channel)/" }

    /// How ``channel`` names what `step` brings along.
    static func place(of step: StepID) -> String {
        "step:" + step.rawValue.split(separator: "/").joined(separator: "-")
    }

    /// Escalations come late, and nothing waits for them before they were tried.
    func blocksLater(at now: Timestamp) -> Bool { escalatedTo == nil || attempts > 0 || due <= now }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Nothing in it can fail to be encoded: no floating number, no key that is no text.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    init?(_ record: Record) {
        guard let read = try? JSONDecoder().decode(OutboxRecord.self, from: Data(record.value.utf8)) else {
            return nil
        }
        self = read
    }

    init(
        channel: String,
        _ channelSpec: NoticeChannel,
        act: NoticeAct = .tell,
        notice: Notice,
        escalatedTo: String? = nil,
        due: Timestamp
    ) {
        self.channel = channel
        name = channelSpec.name
        references = channelSpec.notifier.references.map(\.name)
        self.act = act
        self.notice = notice
        self.escalatedTo = escalatedTo
        self.due = due
    }
}
