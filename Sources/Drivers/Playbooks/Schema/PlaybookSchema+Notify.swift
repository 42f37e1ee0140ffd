import DeployCore
import DeployPorts

/// Whom a run tells: one object per kind of channel.
extension PlaybookSchema {
    static func channels(_ catalogue: Catalogue) -> Entries {
        let channels = catalogue.notifierKinds.map { kind in
            (key: "channel_\(kind.key)", value: Self.channel(kind, with: channelKeys))
        }
        let choices = SchemaJSON.list(catalogue.notifierKinds.map { reference("channel_\($0.key)") })
        let channel: SchemaJSON =
            catalogue.notifierKinds.isEmpty
            ? ["description": "A channel.", "not": [:]]
            : ["description": "A channel.", "anyOf": choices]
        let tellings = catalogue.notifierKinds.map { kind in
            (key: "telling_\(kind.key)", value: Self.channel(kind, with: [toldText], required: ["text"]))
        }
        return channels + tellings + [(key: "channel", value: channel)]
    }

    /// The value of a step `notify`.
    static func notifyStep(_ kinds: [NotifierKind]) -> SchemaJSON {
        let to: (key: String, value: SchemaJSON) = (
            key: "to",
            value: list("The channels of the playbook's notify: all by default.", of: reference("text"))
        )
        let own = kinds.map { reference("telling_\($0.key)") }
        return ["anyOf": .list([object("Tells people.", required: ["text"], [toldText, to])] + own)]
    }

    private static var toldText: (key: String, value: SchemaJSON) {
        (key: "text", value: reference("text", "What is told; its first line is the title."))
    }

    private static func channel(
        _ kind: NotifierKind,
        with more: Entries,
        required: [String] = []
    ) -> SchemaJSON {
        object(
            "Tells by \(kind.key).",
            required: [kind.key] + kind.required + required,
            kind.properties.map { (key: $0.key, value: SchemaJSON.raw($0.schema)) } + more
        )
    }

    private static var channelKeys: Entries {
        let topics = (NoticeTopic.named + [.incident, .resolved]).map { SchemaJSON.text($0.rawValue) }
        let topic: SchemaJSON = [
            "anyOf": [["enum": .list(topics)], ["type": "string", "pattern": "^severity:[0-9A-Za-z_.-]+$"]]
        ]
        let escalation = object(
            "Tells another time when nobody has acted.",
            required: ["after", "to"],
            [
                (key: "after", value: reference("duration", "How long after the notice.")),
                (key: "to", value: ["description": "Another channel, or anybody.", "type": "string"]),
            ]
        )
        return [
            (key: "name", value: ["description": "How steps and escalations name it.", "type": "string"]),
            (key: "on", value: list("What it is told of.", of: topic)),
            (key: "escalate", value: list("Whom to tell when nobody acts.", of: escalation)),
        ]
    }
}
