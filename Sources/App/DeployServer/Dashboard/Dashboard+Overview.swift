package import DeployCore
package import DeployOperations
import DeployPorts

extension Dashboard {
    /// One service among others.
    package struct ServiceEntry {
        package let name: String
        /// What is wrong with its playbook, or why nothing can be said of it, in place of its status.
        package let status: Result<ServiceStatus, CommandFailure>
        /// The last run that succeeded; `nil` without one.
        package let lastRelease: RecordedRun?
        /// When ``status`` was so; `nil` for now.
        package let seenAt: Timestamp?

        package init(
            name: String,
            status: Result<ServiceStatus, CommandFailure>,
            lastRelease: RecordedRun?,
            seenAt: Timestamp? = nil
        ) {
            self.name = name
            self.status = status
            self.lastRelease = lastRelease
            self.seenAt = seenAt
        }

        var needsPerson: Bool {
            guard case .success(let status) = status else { return true }
            return status.run.map { Headline($0, StateWord(status)).needsPerson } ?? false
        }
    }

    /// Every service that `visitor` may see, by name.
    package static func overview(services: [ServiceEntry], visitor: Visitor, now: Timestamp) -> String {
        let waiting = services.filter(\.needsPerson)
        let page = Page(
            title: waiting.isEmpty ? "Services" : "(\(waiting.count)) Services",
            place: .overview,
            news: waiting.isEmpty ? "" : "Waits for a person: \(waiting.map(\.name).joined(separator: ", "))",
            pulse: .every(seconds: 5),
            content: overview(services, waiting, now)
        )
        return text(page, visitor, now: now)
    }

    @MarkupBuilder private static func overview(
        _ services: [ServiceEntry],
        _ waiting: [ServiceEntry],
        _ now: Timestamp
    ) -> [Markup] {
        tag("h1") { "Services" }
        if !waiting.isEmpty {
            tag("p", .style("needs")) {
                Icon.hand.markup
                tag("span") {
                    tag("b") { "Waits for a person: " }
                    waiting.enumerated().flatMap { index, service -> [Markup] in
                        let link = tag("a", .href(.service(service.name))) { "\(service.name)" }
                        return index == 0 ? [link] : [", ", link]
                    }
                }
            }
        }
        if services.isEmpty {
            tag("p", .style("note")) {
                tag("span") { "No service is known here, or none that you may see." }
            }
        }
        tag("div", .style("cards")) { services.map { card($0, now) } }
        if let oldest = services.compactMap(\.seenAt).min() {
            tag("p", .style("faint")) {
                "As it was "
                Moment.clock(oldest, now: now)
            }
        }
    }

    private static func card(_ service: ServiceEntry, _ now: Timestamp) -> Markup {
        switch service.status {
        case .success(let status): card(service, status, now)
        case .failure(let failure):
            tag("article", .style("card broken")) {
                title(service, nil)
                tag("p", .style("headline person")) {
                    Icon.warning.markup
                    tag("b") { "Nothing can be done with this service now." }
                }
                tag("pre") { "\(failure.message)" }
            }
        }
    }

    private static func card(_ service: ServiceEntry, _ status: ServiceStatus, _ now: Timestamp) -> Markup {
        let word = StateWord(status)
        return tag("article", .style("card")) {
            title(service, word)
            Users(status)?.markup ?? unknownUsers
            if let run = status.run, !run.state.isSettled || Headline(run, word).needsPerson {
                link(to: run)
                Headline(run, word).markup(now: now)
            }
            remarks(status.remarks)
            facts(service, status, now)
        }
    }

    static func link(to run: RecordedRun) -> Markup {
        let phase = run.state.isSettled ? nil : run.state.phase
        return tag("a", .style("run"), .href(.run(run.record.id))) {
            "Run of \(run.record.version)\(phase.map { ", in \($0.words)" } ?? "")"
        }
    }

    private static func title(_ service: ServiceEntry, _ word: StateWord?) -> Markup {
        tag("header") {
            tag("h2") { tag("a", .href(.service(service.name))) { "\(service.name)" } }
            word?.pill ?? .nothing
        }
    }

    static let unknownUsers = tag("p", .style("headline person")) {
        Icon.warning.markup
        tag("b") { "Where users are is not known." }
    }

    /// What is not as it should be.
    static func remarks(_ remarks: [String]) -> Markup {
        guard !remarks.isEmpty else { return .nothing }
        return tag("ul", .style("remarks")) {
            remarks.map { remark in
                tag("li") {
                    Icon.warning.markup
                    tag("span") { Told.words(remark) }
                }
            }
        }
    }

    private static func facts(_ service: ServiceEntry, _ status: ServiceStatus, _ now: Timestamp) -> Markup {
        tag("dl", .style("facts")) {
            if let release = service.lastRelease {
                fact("Last release") {
                    tag("a", .href(.run(release.record.id))) { "\(release.record.version)" }
                    " "
                    Moment.age(release.record.startedAt, now: now)
                }
            }
            if let run = status.run, run.state.isSettled, run.record.id != service.lastRelease?.record.id {
                fact("Last run") {
                    tag("a", .href(.run(run.record.id))) { "\(run.record.version)" }
                    " \(StateWord(run).words) "
                    Moment.age(run.updatedAt, now: now)
                }
            }
            if let task = status.run?.state.nextTask {
                fact("Next") {
                    "\(task.title), "
                    Moment.clock(task.due, now: now)
                }
            }
        }
    }

    static func fact(_ name: String, @MarkupBuilder _ value: () -> [Markup]) -> Markup {
        tag("div") {
            tag("dt") { "\(name)" }
            tag("dd", content: value)
        }
    }
}
