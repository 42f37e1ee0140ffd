package import DeployCore
package import DeployOperations
import DeployPorts

/// A run in one line of a list.
package struct RunSummary: Sendable {
    package let run: RunID
    package let service: String
    package let version: Version
    package let state: StateWord
    package let startedAt: Timestamp
    package let updatedAt: Timestamp

    package init(
        run: RunID,
        service: String,
        version: Version,
        state: StateWord,
        startedAt: Timestamp,
        updatedAt: Timestamp
    ) {
        self.run = run
        self.service = service
        self.version = version
        self.state = state
        self.startedAt = startedAt
        self.updatedAt = updatedAt
    }

    package init(_ run: RecordedRun) {
        self.init(
            run: run.record.id,
            service: run.record.service,
            version: run.record.version,
            state: StateWord(run),
            startedAt: run.record.startedAt,
            updatedAt: run.updatedAt
        )
    }

    /// `showsService` where the runs are of several.
    static func table(_ runs: [RunSummary], showsService: Bool, now: Timestamp) -> Markup {
        tag("table", .style("runs")) {
            tag("thead") {
                tag("tr") {
                    (showsService ? ["Service"] : []).map(head)
                    ["Version", "State", "Started", "Took"].map(head)
                }
            }
            tag("tbody") { runs.map { $0.row(showsService: showsService, now: now) } }
        }
    }

    private static func head(_ words: String) -> Markup {
        tag("th", .other("scope", "col")) { "\(words)" }
    }

    private func row(showsService: Bool, now: Timestamp) -> Markup {
        tag("tr") {
            if showsService {
                tag("td") {
                    tag("a", .href(.service(RunbookPart.service(ofLedger: service)))) { "\(service)" }
                }
            }
            tag("td") { tag("a", .href(.run(run)), .style("version")) { "\(version)" } }
            tag("td") { state.pill }
            tag("td") { Moment.clock(startedAt, now: now) }
            tag("td") {
                if state.isOver {
                    "\(Moment.words(updatedAt.since(startedAt)))"
                } else {
                    Moment.running(since: startedAt, now: now)
                }
            }
        }
    }
}
