import DeployCore
import DeployPorts
import HTTPClient

/// One incident a run on a page of Atlassian Statuspage.
///
/// The incident carries the run's identity: it is found again by asking, and nothing has to be remembered.
struct StatusPageChannel: Notifier {
    let page: Template
    let token: Template
    let base: Template
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "status_page",
            properties: [
                ("status_page", ChannelSchema.text("The page's identity at Atlassian Statuspage.")),
                ("token", ChannelSchema.secret("The key of its API, from a secret.")),
                ("url", ChannelSchema.text("Where it is: https://api.statuspage.io by default.")),
            ],
            required: ["token"],
            topics: [.rollbackFailed]
        ) { map in
            var reader = ChannelReader(map)
            let page = reader.required("status_page")
            let token = reader.secret("token")
            let base = reader.url("url", standard: "https://api.statuspage.io")
            map = reader.map
            guard let page, let token, let base else { return nil }
            return StatusPageChannel(page: page, token: token, base: base, post: post)
        }
    }

    var summary: String { "status page \(page.source)" }
    var references: [Reference] { page.references + token.references + base.references }
    var acts: Set<NoticeAct> { [.tell, .resolve] }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let page = try page.forNotice(values)
        guard page.utf8.allSatisfy({ $0.isUnreserved }) else {
            throw .refused(reason: "the page's identity has a character that does not belong into an address")
        }
        let incidents = "\(try base.forNotice(values))/v1/pages/\(page)/incidents"
        let headers = [HTTPHeader("Authorization", "OAuth \(try token.forNotice(values))")]
        let answer = try await post.send(
            "\(incidents)/unresolved",
            method: "GET",
            headers: headers,
            values: values
        )
        let open = Self.incident(of: delivery.notice.subject, in: answer)
        if open == nil, delivery.act == .resolve { return }
        let incident = JSONValue.object(["incident": .object(Self.fields(delivery, values))])
        if let open {
            try await post.send(
                "\(incidents)/\(open)",
                method: "PATCH",
                headers: headers,
                json: incident,
                values: values
            )
        } else {
            try await post.send(incidents, headers: headers, json: incident, values: values)
        }
    }

    private static func fields(_ delivery: NoticeDelivery, _ values: Values) -> [String: JSONValue] {
        let (title, detail) = delivery.words(values)
        let isOver = delivery.act == .resolve || delivery.notice.topic.isEnding
        let status =
            switch delivery.notice.topic {
            case .rollbackFailed: "investigating"
            case _ where isOver: "resolved"
            case let topic where topic == .incident || topic.severity != nil: "investigating"
            default: "monitoring"
            }
        return [
            "name": .string(String(title.prefix(200))), "status": .string(status),
            "body": .string(detail.map { "\(title)\n\($0)" } ?? title),
            "metadata": .object(["bgdeploy": .object(["run": .string(delivery.notice.subject.rawValue)])]),
        ]
    }

    private static func incident(of run: RunID, in answer: [UInt8]) -> String? {
        guard let document = try? JSONDocument(answer), case .array(let incidents) = document.root else {
            return nil
        }
        for case .object(let incident) in incidents {
            guard case .object(let metadata)? = incident["metadata"],
                case .object(let ours)? = metadata["bgdeploy"], ours["run"] == .string(run.rawValue),
                case .string(let identity)? = incident["id"], identity.utf8.allSatisfy({ $0.isUnreserved })
            else { continue }
            return identity
        }
        return nil
    }
}

extension UInt8 {
    /// RFC 3986, section 2.3.
    var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "-._~".utf8.contains(self)
        }
    }
}
