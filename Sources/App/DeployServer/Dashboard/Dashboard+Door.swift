package import DeployCore

/// What is shown to those who are not let in, and when something went wrong.
extension Dashboard {
    /// Asks for a token.
    ///
    /// `next` is where one wanted to go, sent along with the form; who receives it takes a path of this
    /// server only.
    package static func login(problem: String?, next: String?) -> String {
        let frame = Page(title: "Sign in", content: login(problem, next))
        return text(frame, nil, now: nil)
    }

    @MarkupBuilder private static func login(_ problem: String?, _ next: String?) -> [Markup] {
        tag("section", .style("door")) {
            tag("h1") { "Sign in" }
            if let problem { tag("p", .style("problem"), .role("alert")) { "\(problem)" } }
            tag("form", .id("login"), .other("method", "post"), .action(.login)) {
                if let next { tag("input", .type("hidden"), .name("next"), .value(next)) }
                tag("label") {
                    tag("span") { "Token" }
                    tag(
                        "input",
                        .type("password"),
                        .name("token"),
                        .id("field-token"),
                        .other("autocomplete", "current-password"),
                        .other("maxlength", "200"),
                        .flag("required"),
                        .flag("autofocus")
                    )
                }
                tag("button", .type("submit"), .style("primary")) { "Sign in" }
            }
            tag("p", .style("faint")) {
                "A token is made on the server: "
                tag("code") { "bgdeploy token create NAME --scope read" }
            }
        }
    }

    /// `detail` says what to do.
    package static func problem(
        status: Int,
        title: String,
        detail: String,
        visitor: Visitor?,
        now: Timestamp?
    ) -> String {
        let content = tag("section", .style("door")) {
            tag("p", .style("faint")) { "\(status)" }
            tag("h1") { "\(title)" }
            tag("p", .style("pre")) { Told.words(detail) }
            tag("p", .style("links")) { tag("a", .href(.overview)) { "To the services" } }
        }
        return text(Page(title: title, content: [content]), visitor, now: now)
    }
}
