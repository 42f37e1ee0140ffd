package import DeployCore
package import DeployOperations
import DeployPorts

extension Dashboard {
    /// What the page of a run shows.
    package struct RunPage {
        package let run: RecordedRun
        /// Of the run's service; `nil` where it cannot be had.
        package let status: ServiceStatus?
        package let report: RunReport
        /// The ends of the steps' logs, by step.
        package let logs: [StepID: StepLog]
        /// As ``RunState/schemaObstacle(after:)`` says.
        package let obstacle: String?

        package init(
            run: RecordedRun,
            status: ServiceStatus?,
            report: RunReport,
            logs: [StepID: StepLog] = [:],
            obstacle: String? = nil
        ) {
            self.run = run
            self.status = status
            self.report = report
            self.logs = logs
            self.obstacle = obstacle
        }

        /// Whether what users have now is this run's doing.
        var isLatest: Bool {
            // Whether a later one of the runbook came is of no consequence for users.
            guard run.state.plan.runbook == nil else { return true }
            return status.map { $0.run?.record.id == run.record.id } ?? !run.state.isSettled
        }

        var word: StateWord {
            if let status, isLatest { StateWord(status) } else { StateWord(run) }
        }

        var users: Users? {
            guard isLatest else { return nil }
            return status.map { Users($0) } ?? Users(run.state.split, run.state.plan, isObserved: false)
        }

        var title: String { report.subject }
    }

    /// The end of what a step printed, masked as the journal is.
    package struct StepLog: Sendable {
        package let end: String
        /// Whether something was before it.
        package let isCut: Bool

        package init(end: String, isCut: Bool) {
            self.end = end
            self.isCut = isCut
        }
    }

    package static func run(_ page: RunPage, visitor: Visitor, now: Timestamp) -> String {
        let headline = Headline(page.run, page.word)
        let frame = Page(
            title: "\(page.word.words): \(page.title)",
            news: "\(page.title): \(page.word.words). \(headline.text)",
            pulse: pulse(page),
            content: content(page, headline, visitor, now)
        )
        return text(frame, visitor, now: now)
    }

    /// An old run stays as it is; where users are may change after the last one has ended.
    private static func pulse(_ page: RunPage) -> Pulse {
        if !page.run.state.isSettled { return .run(page.run.record.id, after: page.run.lastEvent) }
        return page.isLatest && page.status != nil ? .every(seconds: 30) : .still
    }

    @MarkupBuilder private static func content(
        _ page: RunPage,
        _ headline: Headline,
        _ visitor: Visitor,
        _ now: Timestamp
    ) -> [Markup] {
        let timeline = RunTimeline(page.run)
        head(page, now)
        hero(page, headline, visitor, now)
        if let reason = page.run.state.reason { cause(reason) }
        tag("div", .style("columns")) {
            tag("section") {
                tag("h2") { "Phases" }
                PhaseList(run: page.run.record.id, stages: timeline.stages, logs: page.logs, now: now).markup
            }
            if page.run.state.plan.runbook == nil {
                tag("section") {
                    tag("h2") { "Traffic" }
                    traffic(page, now)
                }
            } else {
                tag("section") {
                    tag("h2") { "Found" }
                    page.report.found.map { entry in
                        tag("div") {
                            tag("h3") { "\(entry.mark) \(entry.title)" }
                            tag("p", .style("pre")) { "\(entry.text)" }
                        }
                    }
                }
            }
        }
        tag("section") {
            tag("h2") { "Events" }
            Told.list(timeline.lines.reversed(), now: now)
        }
        about(page, now)
    }

    static func crumbs(_ service: String, _ words: String) -> Markup {
        tag("p", .style("crumbs")) {
            tag("a", .href(.service(service))) { "\(service)" }
            tag("span", .other("aria-hidden", "true")) { " / " }
            tag("span") { "\(words)" }
        }
    }

    private static func head(_ page: RunPage, _ now: Timestamp) -> Markup {
        tag("header", .style("title")) {
            crumbs(RunbookPart.service(ofLedger: page.run.record.service), "run \(page.run.record.id)")
            tag("h1") {
                "\(page.title) "
                page.word.pill
            }
            tag("p", .style("faint")) {
                "started "
                Moment.clock(page.run.record.startedAt, now: now)
                if let actor = page.run.state.plan.startedBy {
                    " by "
                    tag("span", .other("title", actor.name)) { "\(actor.person)" }
                }
                ", last event "
                Moment.age(page.run.updatedAt, now: now)
            }
        }
    }

    private static func hero(
        _ page: RunPage,
        _ headline: Headline,
        _ visitor: Visitor,
        _ now: Timestamp
    ) -> Markup {
        tag("section", .style("hero"), .label("Where users are, and what can be done")) {
            if page.run.state.plan.runbook != nil {
                Markup.nothing
            } else if page.isLatest {
                page.users?.markup ?? unknownUsers
            } else {
                tag("p", .style("note")) {
                    tag("span") {
                        "This run is over and another came after it: "
                        tag("a", .href(.service(page.run.record.service))) { "where users are now" }
                    }
                }
            }
            headline.markup(now: now)
            if let status = page.status, page.isLatest { remarks(status.remarks) }
            if page.isLatest {
                CommandForms(run: page.run, visitor: visitor, obstacle: page.obstacle, now: now).markup
            }
        }
    }

    static func cause(_ reason: String) -> Markup {
        tag("section", .style("cause")) {
            tag("h2") { "Cause" }
            tag("p", .style("pre")) { "\(reason)" }
        }
    }

    @MarkupBuilder private static func traffic(_ page: RunPage, _ now: Timestamp) -> [Markup] {
        let end = page.run.state.isSettled ? page.run.updatedAt : now
        SharesChart(
            plan: page.run.state.plan,
            shares: page.report.shares,
            from: page.run.record.startedAt,
            to: end
        ).markup
        if let findings = page.report.findings {
            if let harm = page.report.harm { tag("p", .style("impact")) { "\(harm)" } }
            charts(page.report, findings)
        } else {
            tag("p", .style("faint")) {
                page.run.state.isSettled
                    ? "Nothing was measured in this run." : "Nothing has been measured in this run yet."
            }
        }
    }

    /// For a wide page and for a narrow one, of which the style shows one.
    @MarkupBuilder static func charts(_ report: RunReport, _ findings: RunFindings) -> [Markup] {
        tag("figure", .style("chart wide")) { Markup.chart(report.chart(findings)) }
        tag("figure", .style("chart narrow")) { Markup.chart(report.chart(findings, width: 400)) }
    }

    private static func about(_ page: RunPage, _ now: Timestamp) -> Markup {
        let id = page.run.record.id
        return tag("section") {
            tag("h2") { "About this run" }
            tag("dl", .style("facts")) {
                page.report.facts.map { name, value in fact(name) { "\(value)" } }
            }
            tag("p", .style("links")) {
                tag("a", .href(.report(id))) { "Report" }
                tag("a", .href(.download(id, format: "markdown"))) { "Markdown" }
                tag("a", .href(.events(id, after: 0))) { "Events as JSON" }
                tag("a", .href(.playbook(id))) { "Its playbook" }
            }
        }
    }
}
