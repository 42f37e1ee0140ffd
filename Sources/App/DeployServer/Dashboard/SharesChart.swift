import DeployCore
import DeployOperations

/// What the candidate had, over the whole run: a band that fills up.
struct SharesChart {
    let plan: Plan
    /// As the balancers confirmed them.
    let shares: [(at: Timestamp, exposure: Exposure)]
    let from: Timestamp
    let to: Timestamp

    private static let size = (width: 1000.0, height: 100.0)

    var markup: Markup {
        tag("figure", .style("shares")) {
            tag("figcaption") { "Split over time" }
            tag(
                "svg",
                .other("viewBox", "0 0 1000 100"),
                .other("preserveAspectRatio", "none"),
                .role("img"),
                .label(summary)
            ) {
                tag("rect", .style(tone(plan.stable)), .other("width", "1000"), .other("height", "100"))
                tag("path", .style(tone(plan.candidate)), .other("d", path))
            }
            tag("p", .style("ends")) {
                tag("span") { "\(Clock.time(from))" }
                tag("span") { "\(Clock.time(to))" }
            }
            tag("p", .style("legend")) {
                [plan.stable, plan.candidate].flatMap { name -> [Markup] in
                    [
                        tag("span", .style("swatch \(tone(name))"), .other("aria-hidden", "true")),
                        tag("span") { "\(name) " },
                    ]
                }
            }
            if !shares.isEmpty { moves }
        }
    }

    private var moves: Markup {
        tag("ol", .style("moves")) {
            shares.map { move in
                tag("li") {
                    tag("time", .other("datetime", Clock.iso(move.at))) { "\(Clock.time(move.at))" }
                    " \(plan.candidate) \(move.exposure)"
                }
            }
        }
    }

    private var summary: String {
        let last = shares.last.map { ", at last \($0.exposure)" } ?? ", which is none"
        return "The share of \(plan.candidate) over the run\(last); in words below"
    }

    private func tone(_ name: EnvironmentName) -> String {
        Tone(of: name, beside: name == plan.stable ? plan.candidate : plan.stable).rawValue
    }

    /// From the lower edge, in steps.
    private var path: String {
        let length = max(1, to.since(from).seconds)
        func x(_ at: Timestamp) -> String {
            "\((at.since(from).seconds / length * Self.size.width).rounded())"
        }
        var path = "M0 100"
        for move in shares { path += "H\(x(move.at))V\(Self.size.height - move.exposure.share.value)" }
        return path + "H1000V100z"
    }
}
