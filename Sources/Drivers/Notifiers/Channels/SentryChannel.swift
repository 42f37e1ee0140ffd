import DeployCore
import DeployPorts
import HTTPClient

/// A release of Sentry, and its deployment.
struct SentryChannel: Notifier {
    let organization: Template
    let projects: [Template]
    let token: Template
    let environment: Template
    let release: Template
    let base: Template
    let post: Post

    static func kind(_ post: Post) -> NotifierKind {
        NotifierKind(
            key: "sentry",
            properties: [
                ("sentry", ChannelSchema.text("The organization's short name.")),
                ("projects", ChannelSchema.texts("The short names of the projects.")),
                ("token", ChannelSchema.secret("A token that may write releases, from a secret.")),
                ("environment", ChannelSchema.text("The environment: production by default.")),
                ("release", ChannelSchema.text("The release's name: the version by default.")),
                ("url", ChannelSchema.text("Where it is: https://sentry.io by default.")),
            ],
            required: ["projects", "token"],
            topics: [.succeeded]
        ) { map in
            var reader = ChannelReader(map)
            let organization = reader.required("sentry")
            let projects = reader.requiredTexts("projects")
            let token = reader.secret("token")
            let environment = reader.optional("environment") ?? (try? Template("production"))
            let release = reader.optional("release")
            let base = reader.url("url", standard: "https://sentry.io")
            map = reader.map
            guard let organization, let projects, let token, let base, let environment,
                let release = release ?? (try? Template("${version}"))
            else { return nil }
            return SentryChannel(
                organization: organization,
                projects: projects,
                token: token,
                environment: environment,
                release: release,
                base: base,
                post: post
            )
        }
    }

    var summary: String { "sentry \(organization.source)" }
    var references: [Reference] {
        ([organization, token, environment, release, base] + projects).flatMap(\.references)
    }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let organization = try organization.forNotice(values)
        let release = try release.forNotice(values)
        let isPlain = { (text: String) in text.utf8.allSatisfy { $0.isUnreserved || $0 == UInt8(ascii: "@") }
        }
        let name = release.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B")
        guard isPlain(organization), isPlain(release.filter { $0 != "+" }) else {
            throw .refused(reason: "the organization's or the release's name does not belong into an address")
        }
        var projects: [JSONValue] = []
        for project in self.projects { projects.append(.string(try project.forNotice(values))) }
        let headers = [HTTPHeader("Authorization", "Bearer \(try token.forNotice(values))")]
        let releases = "\(try base.forNotice(values))/api/0/organizations/\(organization)/releases/"
        // Sentry answers 208 for a release that it knows.
        try await post.send(
            releases,
            headers: headers,
            json: .object(["version": .string(release), "projects": .array(projects)]),
            values: values
        )
        let deploy = JSONValue.object([
            "environment": .string(try environment.forNotice(values)),
            "name": .string(delivery.notice.run.rawValue),
            "dateStarted": .string(delivery.notice.runStartedAt.iso8601),
            "dateFinished": .string(delivery.notice.at.iso8601),
        ])
        try await post.send("\(releases)\(name)/deploys/", headers: headers, json: deploy, values: values)
    }
}
