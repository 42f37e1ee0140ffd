import DeployCore
import DeployPorts
import HTTPClient

/// A letter by SMTP.
struct EmailChannel: Notifier {
    let to: [Template]
    let from: Template
    /// `smtp://HOST:PORT` (STARTTLS) or `smtps://HOST:PORT`.
    let server: Template
    let user: Template?
    let password: Template?
    let caFile: String?

    static func kind(caFile: String? = nil) -> NotifierKind {
        NotifierKind(
            key: "email",
            properties: [
                ("email", ChannelSchema.texts("The receivers' addresses.")),
                ("from", ChannelSchema.text("The sender's address.")),
                (
                    "smtp",
                    ChannelSchema.text("The server: smtp://HOST:587 with STARTTLS, or smtps://HOST:465.")
                ),
                ("user", ChannelSchema.text("Who logs in; nobody by default.")),
                ("password", ChannelSchema.secret("The user's password, from a secret.")),
            ],
            required: ["from", "smtp"],
            topics: [.waiting, .succeeded, .failed, .rolledBack, .rollbackFailed]
        ) { map in
            var reader = ChannelReader(map)
            let to = reader.requiredTexts("email")
            let from = reader.required("from")
            let server = reader.required("smtp")
            let user = reader.optional("user")
            let password = reader.optionalSecret("password")
            map = reader.map
            for address in (to ?? []) + [from].compactMap(\.self) where address.references.isEmpty {
                if !MailText.isAddress(address.source) {
                    let complaint = "`\(address.source)` is not an address such as ops@example.org"
                    map.diagnostics.report(address.position, complaint)
                }
            }
            if let server, server.references.isEmpty, SMTPAddress(server.source) == nil {
                let complaint = "`smtp` must be smtp://HOST:587 or smtps://HOST:465, found `\(server.source)`"
                map.diagnostics.report(server.position, complaint)
            }
            if (user == nil) != (password == nil) {
                map.diagnostics.report(map.position, "`user` and `password` belong together")
            }
            guard let to, let from, let server, reader.isClean else { return nil }
            return EmailChannel(
                to: to,
                from: from,
                server: server,
                user: user,
                password: password,
                caFile: caFile
            )
        }
    }

    var summary: String { "email to \(to.map(\.source).joined(separator: ", "))" }
    var references: [Reference] {
        (to + [from, server] + [user, password].compactMap(\.self)).flatMap(\.references)
    }

    func send(_ delivery: NoticeDelivery, values: Values) async throws(NotifierError) {
        let from = try address(from, values)
        var receivers: [String] = []
        for receiver in to { receivers.append(try address(receiver, values)) }
        guard let server = SMTPAddress(try server.forNotice(values)) else {
            throw .refused(reason: "the server must be smtp://HOST:587 or smtps://HOST:465")
        }
        let text = MailText(delivery, from: from, to: receivers, values)
        var order = MailOrder(url: server.url, from: from, to: receivers, text: Array(text.text.utf8))
        order.allowsPlain = server.isLoopback
        order.caFile = caFile
        order.deadline = Post.deadline
        order.connectDeadline = Post.connectDeadline
        if let user, let password {
            order.auth = HTTPBasicAuth(
                user: try user.forNotice(values),
                password: try password.forNotice(values)
            )
        }
        do throws(MailError) {
            try await MailClient().send(order)
        } catch {
            throw Self.failure(error, values)
        }
    }

    private func address(_ template: Template, _ values: Values) throws(NotifierError) -> String {
        let address = try template.forNotice(values)
        guard MailText.isAddress(address) else {
            throw .refused(reason: "`\(template.source)` does not come to an address such as ops@example.org")
        }
        return address
    }

    /// Statuses from 500 are for good, those from 400 for now (RFC 5321, section 4.2.1).
    private static func failure(_ error: MailError, _ values: Values) -> NotifierError {
        switch error {
        case .answered(let status, let text):
            let reason = String(Post.shown(text, values).prefix(300))
            return status >= 500
                ? .refused(reason: reason) : .notDelivered(reason: reason, retryAfter: nil)
        case .notAdmitted(let text): return .notDelivered(reason: Post.shown(text, values), retryAfter: nil)
        case .noAnswer(.cancelled): return .stopped
        case .noAnswer(.badRequest(let text)): return .refused(reason: Post.shown(text, values))
        case .noAnswer(let error):
            return .notDelivered(reason: Post.shown(error.message, values), retryAfter: nil)
        }
    }
}

/// The address of a server, without a user.
struct SMTPAddress {
    let url: String
    let isLoopback: Bool

    init?(_ text: String) {
        let schemes = ["smtp://", "smtps://"]
        guard let scheme = schemes.first(where: text.hasPrefix) else { return nil }
        var authority = text.dropFirst(scheme.count)
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard !authority.isEmpty, authority.utf8.allSatisfy({ $0.isUnreserved || "[]:".utf8.contains($0) })
        else { return nil }
        url = scheme + authority
        isLoopback = Post.isLoopback(authority)
    }
}
