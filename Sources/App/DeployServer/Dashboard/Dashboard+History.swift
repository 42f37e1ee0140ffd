package import DeployCore

extension Dashboard {
    package struct HistoryPage {
        /// Newest first.
        package let runs: [RunSummary]
        /// All that `visitor` may see, to choose from.
        package let services: [String]
        /// The one that was chosen; `nil` for all.
        package let service: String?
        /// Where older runs begin; `nil` when there are none.
        package let next: String?
        /// Whether newer ones were left out.
        package let isContinued: Bool

        package init(
            runs: [RunSummary],
            services: [String],
            service: String?,
            next: String?,
            isContinued: Bool
        ) {
            self.runs = runs
            self.services = services
            self.service = service
            self.next = next
            self.isContinued = isContinued
        }
    }

    package static func history(_ page: HistoryPage, visitor: Visitor, now: Timestamp) -> String {
        let frame = Page(
            title: page.service.map { "History of \($0)" } ?? "History",
            place: .history(service: nil, cursor: nil),
            content: content(page, now)
        )
        return text(frame, visitor, now: now)
    }

    @MarkupBuilder private static func content(_ page: HistoryPage, _ now: Timestamp) -> [Markup] {
        tag("h1") { "History" }
        filter(page)
        if page.runs.isEmpty {
            tag("p", .style("note")) { tag("span") { "No run is on record here." } }
        } else {
            RunSummary.table(page.runs, showsService: true, now: now)
        }
        tag("nav", .label("Pages"), .style("links")) {
            if page.isContinued {
                tag("a", .href(.history(service: page.service, cursor: nil))) { "Newest" }
            }
            if let next = page.next {
                tag("a", .href(.history(service: page.service, cursor: next))) { "Older" }
            }
        }
    }

    private static func filter(_ page: HistoryPage) -> Markup {
        tag(
            "form",
            .id("filter"),
            .style("filter"),
            .other("method", "get"),
            .action(.history(service: nil, cursor: nil))
        ) {
            tag("label", .other("for", "filter-service")) { "Service" }
            tag("select", .name("service"), .id("filter-service")) {
                tag("option", .value("")) { "all" }
                page.services.map { name in
                    tag("option", .value(name), .flag("selected", if: name == page.service)) { "\(name)" }
                }
            }
            tag("button", .type("submit"), .style("plain")) { "Show" }
        }
    }
}
