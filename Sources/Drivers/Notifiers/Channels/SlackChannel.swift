import DeployCore
import DeployPorts
import HTTPClient

/// A message to a channel of Slack by an incoming webhook.
struct SlackChannel: Notifier {
    let url: Template
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "slack",
            properties: [
                ("slack", ChannelSchema.secret("The address of an incoming webhook, from a secret."))
            ],
            topics: NoticeTopic.named
        ) { map in
            var reader = ChannelReader(map)
            let url = reader.secret("slack")
            map = reader.map
            return url.map { SlackChannel(url: $0, post: post) }
        }
    }

    var summary: String { "slack" }
    var references: [Reference] { url.references }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let url = try url.forNotice(values)
        try await post.send(url, json: Self.message(delivery, values), values: values)
    }

    /// Blocks for who looks, and plain text for notifications and screen readers.
    static func message(_ delivery: NoticeDelivery, _ values: Values) -> JSONValue {
        let notice = delivery.notice
        let (title, detail) = delivery.words(values)
        let line = "\(sign(of: notice.topic)) *\(escaped(title))*"
        var blocks = [section(line)]
        if let detail { blocks.append(section(escaped(detail))) }
        let split = notice.movedSplit.map { " · \($0)" } ?? ""
        let figures = "\(notice.service) \(notice.version)\(split) · run \(notice.run)"
        blocks.append(
            .object([
                "type": .string("context"), "elements": .array([text(escaped(figures))]),
            ])
        )
        return .object([
            "text": .string(escaped(detail.map { "\(title)\n\($0)" } ?? title)), "blocks": .array(blocks),
        ])
    }

    private static func section(_ words: String) -> JSONValue {
        .object(["type": .string("section"), "text": text(words)])
    }

    private static func text(_ words: String) -> JSONValue {
        // Slack takes 3,000 characters, as many as it makes of them.
        .object(["type": .string("mrkdwn"), "text": .string(String(words.prefix(2900)))])
    }

    private static func sign(of topic: NoticeTopic) -> String {
        switch topic {
        case .succeeded, .resolved: ":white_check_mark:"
        case .rollbackFailed, .incident: ":rotating_light:"
        case .rolledBack, .failed: ":x:"
        case .waiting: ":raised_hand:"
        case .switched: ":twisted_rightwards_arrows:"
        default: topic.severity == nil ? ":information_source:" : ":warning:"
        }
    }

    /// Slack reads `<!channel>` as a call to everybody.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
        return result
    }
}
