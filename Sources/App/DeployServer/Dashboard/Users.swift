import DeployCore
import DeployOperations
import DeployPorts

/// Where users are: what one looks for first.
struct Users {
    struct Side {
        let name: EnvironmentName
        let tone: Tone
        /// `nil` where nobody knows.
        let version: Version?
        let share: Percent
        let hasChosenUsers: Bool

        var hasUsers: Bool { share > .zero || hasChosenUsers }
    }

    let sides: [Side]
    /// Whether the balancers said so just now, and not only the journal.
    let isObserved: Bool

    /// `nil` where neither the balancers nor the journal know.
    init?(_ status: ServiceStatus) {
        guard let split = status.observed ?? status.run?.state.split else { return nil }
        self.init(split, status.run?.state.plan, isObserved: status.observed != nil)
    }

    init(_ split: Split, _ plan: Plan?, isObserved: Bool) {
        let names = split.environments
        sides = names.map { name in
            Side(
                name: name,
                tone: Tone(of: name, beside: names.first { $0 != name } ?? name),
                version: plan?.version(of: name),
                share: split.share(of: name),
                hasChosenUsers: split.chosen == name
            )
        }
        self.isObserved = isObserved
    }

    /// As read out: `all users on blue, version v2.4.1`.
    var sentence: String {
        let words = sides.filter(\.hasUsers).map { side -> String in
            let version = side.version.map { ", version \($0)" } ?? ""
            let chosen = side.hasChosenUsers ? " and chosen users" : ""
            return side.share == .full
                ? "all users on \(side.name)\(version)"
                : "\(side.share) %\(chosen) on \(side.name)\(version)"
        }
        return words.joined(separator: "; ")
    }

    var markup: Markup {
        tag("div", .style("users")) {
            tag("div", .style("sides")) { sides.map(block) }
            bar
            if !isObserved {
                tag("p", .style("note")) {
                    Icon.warning.markup
                    tag("span") { "By the journal; the balancers do not say it with one voice now." }
                }
            }
        }
    }

    private func block(_ side: Side) -> Markup {
        tag("div", .style("side \(side.tone.rawValue)\(side.hasUsers ? "" : " none")")) {
            tag("span", .style("version")) { "\(side.version?.rawValue ?? "version not known")" }
            tag("span", .style("where")) {
                tag("span", .style("swatch \(side.tone.rawValue)"), .other("aria-hidden", "true"))
                tag("b") { "\(side.name)" }
                " "
                tag("span", .style("share")) { "\(share(side))" }
            }
        }
    }

    private func share(_ side: Side) -> String {
        if side.share == .full { return "all users" }
        if side.hasChosenUsers { return "\(Exposure(side.share, chosenUsers: true))" }
        return side.share == .zero ? "no users" : "\(side.share) %"
    }

    /// Widths are attributes of a drawing: a style of its own would be against the page's policy.
    private var bar: Markup {
        var left = 0.0
        let parts = sides.filter { $0.share > .zero }.map { side -> Markup in
            defer { left += side.share.value }
            return tag(
                "rect",
                .style(side.tone.rawValue),
                .other("x", "\(left)%"),
                .other("width", "\(side.share.value)%"),
                .other("height", "100%")
            )
        }
        return tag("svg", .style("bar"), .role("img"), .label(sentence)) { parts }
    }
}
