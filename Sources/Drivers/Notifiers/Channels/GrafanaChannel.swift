import DeployCore
import DeployPorts
import HTTPClient

/// An annotation in Grafana: the whole run when it is over, a moment else.
struct GrafanaChannel: Notifier {
    let base: Template
    let token: Template
    let tags: [Template]
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "grafana",
            properties: [
                ("grafana", ChannelSchema.text("Where Grafana is: https://grafana.example.org.")),
                ("token", ChannelSchema.secret("The token of a service account, from a secret.")),
                ("tags", ChannelSchema.texts("Tags beside those that every annotation has.")),
            ],
            required: ["token"],
            topics: [.succeeded, .failed, .rolledBack, .rollbackFailed]
        ) { map in
            var reader = ChannelReader(map)
            let base = reader.required("grafana").flatMap { reader.checkedURL($0, "grafana") }
            let token = reader.secret("token")
            let tags = reader.texts("tags") ?? []
            map = reader.map
            guard let base, let token else { return nil }
            return GrafanaChannel(base: base, token: token, tags: tags, post: post)
        }
    }

    var summary: String { "grafana" }
    var references: [Reference] { base.references + token.references + tags.flatMap(\.references) }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let notice = delivery.notice
        var tags = [
            "bgdeploy", "service:\(notice.service)", "version:\(notice.version)", "\(notice.topic)",
        ]
        for tag in self.tags { tags.append(Post.shown(try tag.forNotice(values), values)) }
        let (title, detail) = delivery.words(values)
        let begin = notice.topic.isEnding ? notice.runStartedAt : notice.at
        let annotation = JSONValue.object([
            "time": .number("\(begin.milliseconds)"), "timeEnd": .number("\(notice.at.milliseconds)"),
            "tags": .array(tags.map { .string($0) }),
            "text": .string(detail.map { "\(title)\n\($0)" } ?? title),
        ])
        let url = "\(try base.forNotice(values))/api/annotations"
        let headers = [HTTPHeader("Authorization", "Bearer \(try token.forNotice(values))")]
        try await post.send(url, headers: headers, json: annotation, values: values)
    }
}
