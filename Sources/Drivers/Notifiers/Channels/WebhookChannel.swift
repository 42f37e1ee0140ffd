import DeployCore
import DeployPorts
import HTTPClient
import SafeFile

/// A signed request to a program of the user's own.
struct WebhookChannel: Notifier {
    let url: Template
    /// The key of the signature.
    let secret: Template
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "webhook",
            properties: [
                ("webhook", ChannelSchema.text("The address that takes a POST request with JSON.")),
                ("secret", ChannelSchema.secret("The key of the signature, from a secret.")),
            ],
            required: ["secret"],
            topics: NoticeTopic.named
        ) { map in
            var reader = ChannelReader(map)
            let url = reader.required("webhook").flatMap { reader.checkedURL($0, "webhook") }
            let secret = reader.secret("secret")
            map = reader.map
            guard let url, let secret else { return nil }
            return WebhookChannel(url: url, secret: secret, post: post)
        }
    }

    var summary: String { "webhook" }
    var references: [Reference] { url.references + secret.references }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let url = try url.forNotice(values)
        var facts = delivery.facts(values)
        facts["delivery"] = .string(delivery.id)
        let body = JSONValue.object(facts)
        let timestamp = "\(delivery.sentAt.milliseconds / 1000)"
        let signature = Digest.signature(
            of: "\(timestamp).\(body.text)",
            key: try secret.forNotice(values)
        )
        let headers = [
            HTTPHeader("X-Bgdeploy-Delivery", delivery.id), HTTPHeader("X-Bgdeploy-Timestamp", timestamp),
            HTTPHeader("X-Bgdeploy-Signature", "v1=\(signature)"),
        ]
        try await post.send(url, headers: headers, json: body, values: values)
    }
}
