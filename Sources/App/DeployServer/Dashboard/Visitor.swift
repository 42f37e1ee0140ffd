/// Who looks at a page, and what shows that a form was filled in on it.
package struct Visitor: Sendable {
    package let principal: Principal
    /// Sent with every form; without one there are no forms.
    package let csrf: String?

    package init(principal: Principal, csrf: String?) {
        self.principal = principal
        self.csrf = csrf
    }

    func may(_ scope: Scope, on service: String) -> Bool {
        csrf != nil && principal.may(scope, on: service)
    }

    /// A form that is sent to `place`.
    func form(_ id: String, to place: Place, @MarkupBuilder content: () -> [Markup]) -> Markup {
        tag("form", .id(id), .other("method", "post"), .action(place)) {
            tag("input", .type("hidden"), .name("csrf"), .value(csrf ?? ""))
            content()
        }
    }
}
