import DeployCore
import DeployPorts
import HTTPClient

/// Incidents of PagerDuty by its Events API v2: one for each run, and one more for each escalation.
struct PagerDutyChannel: Notifier {
    let key: Template
    let base: Template
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "pagerduty",
            properties: [
                ("pagerduty", ChannelSchema.secret("The integration key of Events API v2, from a secret.")),
                ("url", ChannelSchema.text("Where it is: https://events.pagerduty.com by default.")),
            ],
            topics: [.rollbackFailed]
        ) { map in
            var reader = ChannelReader(map)
            let key = reader.secret("pagerduty")
            let base = reader.url("url", standard: "https://events.pagerduty.com")
            map = reader.map
            guard let key, let base else { return nil }
            return PagerDutyChannel(key: key, base: base, post: post)
        }
    }

    var summary: String { "pagerduty" }
    var references: [Reference] { key.references + base.references }
    var acts: Set<NoticeAct> { [.tell, .acknowledge, .resolve] }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let base = try base.forNotice(values)
        let event = Self.event(delivery, key: try key.forNotice(values), values)
        try await post.send("\(base)/v2/enqueue", json: event, values: values)
    }

    static func event(_ delivery: NoticeDelivery, key: String, _ values: Values) -> JSONValue {
        var event: [String: JSONValue] = [
            "routing_key": .string(key), "dedup_key": .string(incident(of: delivery)),
        ]
        switch delivery.act {
        case .acknowledge: event["event_action"] = .string("acknowledge")
        case .resolve: event["event_action"] = .string("resolve")
        case .tell:
            let notice = delivery.notice
            event["event_action"] = .string("trigger")
            event["client"] = .string("bgdeploy")
            event["payload"] = .object([
                "summary": .string(delivery.words(values).title), "source": .string(notice.service),
                "severity": .string(severity(of: notice)), "timestamp": .string(notice.at.iso8601),
                "component": .string(notice.runbook?.runbook ?? notice.candidate.rawValue),
                "group": .string(notice.service),
                "class": .string(notice.topic.rawValue), "custom_details": .object(delivery.facts(values)),
            ])
        }
        return .object(event)
    }

    /// An open incident takes further events in without waking anybody, so an escalation is another one.
    private static func incident(of delivery: NoticeDelivery) -> String {
        "bgdeploy/\(delivery.notice.subject)" + (delivery.escalatedTo.map { "/\($0)" } ?? "")
    }

    private static func severity(of notice: Notice) -> String {
        switch notice.topic {
        case .rollbackFailed: return "critical"
        case .rolledBack, .failed: return "error"
        case .waiting: return "warning"
        case .incident where notice.rank == nil: return "error"
        default:
            guard let rank = notice.rank else { return "info" }
            return ["critical", "error"].indices.contains(rank) ? ["critical", "error"][rank] : "warning"
        }
    }
}
