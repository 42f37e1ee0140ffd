import DeployCore

/// The pages that people look at: each a function from what is known to the text of a page.
///
/// Nothing here asks a store, a balancer or a clock. Pages carry no inline script and no inline style, are
/// well-formed XML, and say everything without script; the script keeps them up to date.
package enum Dashboard {
    /// What keeps a page up to date.
    enum Pulse {
        case still
        /// Asked for again every so many seconds.
        case every(seconds: Int)
        /// Asked for again whenever the run's journal has a new entry.
        case run(RunID, after: Int)
    }

    /// One page before it is framed.
    struct Page {
        let title: String
        /// Where in the navigation.
        var place: Place?
        /// Read out when it changes; one sentence.
        var news = ""
        var pulse = Pulse.still
        let content: [Markup]
    }

    static func text(_ page: Page, _ visitor: Visitor?, now: Timestamp?) -> String {
        let html = tag("html", .other("lang", "en")) {
            head(page)
            tag("body") {
                tag("a", .style("skip"), .href(.content)) { "Skip to the content" }
                top(page, visitor)
                tag(
                    "main",
                    .id("main"),
                    .other("tabindex", "-1"),
                    .other("data-news", page.news),
                    now.map { .other("data-now", "\($0.milliseconds)") },
                    pulse(page.pulse)
                ) { page.content }
                tag("p", .id("news"), .style("unseen"), .role("status"), .other("aria-live", "polite"))
            }
        }
        return "<!DOCTYPE html>\n" + html.text + "\n"
    }

    private static func pulse(_ pulse: Pulse) -> Markup.Attribute? {
        switch pulse {
        case .still: nil
        case .every(let seconds): .other("data-every", "\(seconds)")
        case .run(let run, let after): .other("data-events", Place.events(run, after: after).path)
        }
    }

    private static func head(_ page: Page) -> Markup {
        tag("head") {
            tag("meta", .other("charset", "utf-8"))
            tag("meta", .name("viewport"), .other("content", "width=device-width, initial-scale=1"))
            tag("meta", .name("color-scheme"), .other("content", "light dark"))
            tag("title") { "\(page.title)" }
            tag("link", .other("rel", "stylesheet"), .href(.stylesheet))
            tag("link", .other("rel", "icon"), .other("type", "image/svg+xml"), .other("href", "\(icon)"))
            tag("script", .other("src", Place.script.path), .flag("defer"))
        }
    }

    /// Two halves of a disc.
    private static let icon: StaticString = """
        data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
        %3Cpath fill='%231f6fc4' \
        d='M8 1a7 7 0 0 0 0 14z'/%3E%3Cpath fill='%2315803d' d='M8 1a7 7 0 0 1 0 14z'/%3E%3C/svg%3E
        """

    private static func top(_ page: Page, _ visitor: Visitor?) -> Markup {
        tag("header", .style("top")) {
            if visitor == nil { tag("b") { "bgdeploy" } } else { navigation(page) }
            tag("p", .id("live"), .flag("hidden")) {
                tag("span", .style("lamp"), .other("aria-hidden", "true"))
                tag("span", .id("live-words"))
            }
            if let visitor { who(visitor) }
        }
    }

    private static func navigation(_ page: Page) -> Markup {
        tag("nav", .label("Main")) {
            link("Services", .overview, page)
            link("History", .history(service: nil, cursor: nil), page)
        }
    }

    private static func link(_ words: String, _ place: Place, _ page: Page) -> Markup {
        tag("a", .href(place), page.place == place ? .other("aria-current", "page") : nil) { "\(words)" }
    }

    private static func who(_ visitor: Visitor) -> Markup {
        let principal = visitor.principal
        let scopes = principal.scopes.map(\.rawValue).sorted().joined(separator: ", ")
        return tag("div", .style("who")) {
            tag("span", .other("title", "\(principal.via), \(principal.source)")) {
                tag("b") { "\(principal.name)" }
                " "
                tag("span", .style("faint")) { "\(scopes)" }
            }
            if visitor.csrf != nil {
                visitor.form("logout", to: .logout) {
                    tag("button", .type("submit"), .style("quiet")) { "Sign out" }
                }
            }
        }
    }
}
