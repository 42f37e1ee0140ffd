package import DeployCore
import DeployOperations
import DeployPorts

extension Dashboard {
    /// What the page of a service shows.
    package struct ServicePage {
        package let service: ServiceEntry
        /// Its latest runs, newest first.
        package let runs: [RunSummary]
        /// Those that have not begun, oldest first.
        package let waiting: [WaitingRun]
        /// As ``RunState/schemaObstacle(after:)`` says of the latest run.
        package let obstacle: String?
        /// What is wrong with what was last sent from a form here.
        package let problem: String?
        /// What stood in that form, by the names of its fields.
        package let typed: [String: String]

        package init(
            service: ServiceEntry,
            runs: [RunSummary],
            waiting: [WaitingRun] = [],
            obstacle: String? = nil,
            problem: String? = nil,
            typed: [String: String] = [:]
        ) {
            self.service = service
            self.runs = runs
            self.waiting = waiting
            self.obstacle = obstacle
            self.problem = problem
            self.typed = typed
        }

        var status: ServiceStatus? { try? service.status.get() }
    }

    package static func service(_ page: ServicePage, visitor: Visitor, now: Timestamp) -> String {
        let run = page.status?.run
        let isOver = run.map { $0.state.isSettled } ?? true
        let word = page.status.map { StateWord($0) }
        let frame = Page(
            title: page.service.name + (word.map { ": \($0.words)" } ?? ""),
            news: run.map { "\(page.service.name): \(Headline($0, word ?? StateWord($0)).text)" } ?? "",
            pulse: pulse(page, run.flatMap { isOver ? nil : $0 }),
            content: content(page, word, visitor, now)
        )
        return text(frame, visitor, now: now)
    }

    /// Where something was refused one reads why, and is not hurried.
    private static func pulse(_ page: ServicePage, _ open: RecordedRun?) -> Pulse {
        if page.problem != nil { return .still }
        return open.map { .run($0.record.id, after: $0.lastEvent) } ?? .every(seconds: 10)
    }

    @MarkupBuilder private static func content(
        _ page: ServicePage,
        _ word: StateWord?,
        _ visitor: Visitor,
        _ now: Timestamp
    ) -> [Markup] {
        tag("header", .style("title")) {
            tag("h1") {
                "\(page.service.name) "
                word?.pill ?? .nothing
            }
        }
        if let problem = page.problem {
            tag("p", .style("problem pre"), .role("alert")) { "\(problem)" }
        }
        switch page.service.status {
        case .success(let status):
            hero(page, status, visitor, now)
            queue(page.waiting, visitor: visitor, now: now)
            balancers(status)
            if visitor.may(.deploy, on: page.service.name) { start(page, status, visitor) }
        case .failure(let failure): broken(failure)
        }
        tag("section") {
            tag("h2") { "Latest runs" }
            if page.runs.isEmpty {
                tag("p", .style("faint")) { "No run yet." }
            } else {
                RunSummary.table(page.runs, showsService: false, now: now)
                tag("p", .style("links")) {
                    tag("a", .href(.history(service: page.service.name, cursor: nil))) { "All of them" }
                }
            }
        }
    }

    private static func broken(_ failure: CommandFailure) -> Markup {
        tag("section", .style("hero broken")) {
            tag("p", .style("headline person")) {
                Icon.warning.markup
                tag("b") { "Nothing can be done with this service now." }
            }
            tag("pre", .other("tabindex", "0"), .role("group"), .label("What is wrong")) {
                "\(failure.message)"
            }
        }
    }

    private static func hero(
        _ page: ServicePage,
        _ status: ServiceStatus,
        _ visitor: Visitor,
        _ now: Timestamp
    ) -> Markup {
        tag("section", .style("hero"), .label("Where users are, and what can be done")) {
            Users(status)?.markup ?? unknownUsers
            if let run = status.run {
                link(to: run)
                Headline(run, StateWord(status)).markup(now: now)
                if let task = run.state.nextTask {
                    tag("p", .style("faint")) {
                        "Next: \(task.title), "
                        Moment.clock(task.due, now: now)
                    }
                }
            }
            remarks(status.remarks)
            if let run = status.run {
                CommandForms(run: run, visitor: visitor, obstacle: page.obstacle, now: now).markup
            }
        }
    }

    private static func balancers(_ status: ServiceStatus) -> Markup {
        guard !status.balancers.isEmpty else { return .nothing }
        return tag("section") {
            tag("h2") { "Balancers" }
            tag("table") {
                tag("tbody") {
                    status.balancers.map { balancer in
                        tag("tr") {
                            tag("th", .other("scope", "row")) { "\(balancer.name)" }
                            tag("td") { "\(words(balancer))" }
                        }
                    }
                }
            }
        }
    }

    private static func words(_ balancer: ServiceStatus.Balancer) -> String {
        switch balancer.result {
        case .success(let seen):
            seen.split.map { "\($0)".replacing(" %", with: "\u{A0}%") } ?? "sends traffic to neither"
        case .failure(let error): error.message
        }
    }

    // MARK: the form

    private static func start(_ page: ServicePage, _ status: ServiceStatus, _ visitor: Visitor) -> Markup {
        let isBusy = status.run.map { !$0.state.isSettled } ?? false
        return tag("section", .style("start")) {
            tag("details", .id("start"), .flag("open", if: page.problem != nil)) {
                tag("summary") { tag("h2") { "Release a version" } }
                visitor.form("form-start", to: .start(service: page.service.name)) {
                    field("version", "Version", page.typed, note: nil, limit: "64", isRequired: true)
                    field(
                        "strategy",
                        "Strategy",
                        page.typed,
                        note: "instant, canary, ab, or shares such as 10,50; empty: as the playbook says"
                    )
                    field(
                        "reason",
                        "Why?",
                        page.typed,
                        note: "stands in the journal; may stay empty",
                        limit: "500"
                    )
                    if isBusy {
                        tag("label", .style("check")) {
                            tag(
                                "input",
                                .type("checkbox"),
                                .name("queue"),
                                .value("true"),
                                .id("field-queue"),
                                .flag("required"),
                                .flag("checked", if: page.typed["queue"] != nil)
                            )
                            tag("span") { "A run is under way: wait until it has ended" }
                        }
                    }
                    tag("button", .type("submit"), .style("primary")) { isBusy ? "Queue it" : "Release it" }
                }
            }
        }
    }

    static func field(
        _ name: String,
        _ label: String,
        _ typed: [String: String],
        note: String?,
        limit: String = "100",
        isRequired: Bool = false
    ) -> Markup {
        tag("label") {
            tag("span") { "\(label)" }
            tag(
                "input",
                .type("text"),
                .name(name),
                .id("field-\(name)"),
                typed[name].map { .value($0) },
                .other("maxlength", limit),
                .other("autocomplete", "off"),
                .other("spellcheck", "false"),
                .flag("required", if: isRequired),
                note.map { _ in .other("aria-describedby", "note-\(name)") }
            )
            if let note { tag("span", .style("faint"), .id("note-\(name)")) { "\(note)" } }
        }
    }
}
