package import DeployCore
package import DeployOperations
import DeployPorts

extension Dashboard {
    /// A run that waits until those before it have ended.
    package struct WaitingRun: Sendable {
        /// Under which it waits, and which its run has once it has begun.
        package let id: RunID
        package let run: QueuedRun

        package init(id: RunID, run: QueuedRun) {
            self.id = id
            self.run = run
        }
    }

    static func queue(_ waiting: [WaitingRun], visitor: Visitor, now: Timestamp) -> Markup {
        guard !waiting.isEmpty else { return .nothing }
        return tag("section") {
            tag("h2") { "In the queue" }
            tag("ul", .style("queue")) { waiting.map { line($0, visitor, now) } }
        }
    }

    private static func line(_ waiting: WaitingRun, _ visitor: Visitor, _ now: Timestamp) -> Markup {
        let run = waiting.run
        return tag("li") {
            tag("div") {
                tag("p") {
                    tag("b") { "\(run.version)" }
                    " asked for by "
                    tag("span", .other("title", run.by.name)) { "\(run.by.person)" }
                    " at "
                    Moment.clock(run.at, now: now)
                    if let reason = run.reason { ": \(reason)" }
                }
                if let failure = run.failure {
                    tag("p", .style("bad pre")) { "It could not be begun: \(failure)" }
                }
            }
            if visitor.may(.deploy, on: run.service) {
                visitor.form("dismiss-\(waiting.id)", to: .dismissal(service: run.service, waiting.id)) {
                    tag("button", .type("submit"), .style("quiet")) { "Take \(run.version) out" }
                }
            }
        }
    }
}
