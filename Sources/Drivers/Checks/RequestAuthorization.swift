import DeployPorts

/// Who a request says that it is from: `bearer` or `basic`.
enum RequestAuthorization: Hashable, Sendable {
    case bearer(Template)
    case basic(user: Template, password: Template)

    /// Takes the keys out of `reader`; `nil` when there are none.
    ///
    /// `what` names the step in messages.
    static func read(_ reader: inout MapReader, _ what: String) -> RequestAuthorization? {
        let bearer = reader.template("bearer")
        guard let value = reader.optional("basic") else { return bearer.map { .bearer($0) } }
        if bearer != nil {
            reader.diagnostics.report(value.position, "`\(what)` takes one of `bearer` and `basic`")
        }
        var basic = MapReader(value, "`basic`", diagnostics: reader.diagnostics)
        let user = basic.required("user").flatMap { basic.template(of: $0, "user") }
        let password = basic.required("password").flatMap { basic.template(of: $0, "password") }
        basic.finish()
        guard let user, let password else { return nil }
        return .basic(user: user, password: password)
    }

    var references: [Reference] {
        switch self {
        case .bearer(let token): token.references
        case .basic(let user, let password): user.references + password.references
        }
    }
}
