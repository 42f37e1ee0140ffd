package import DeployCore

/// What those who take over the watch have to know.
package struct Handoff {
    package enum Topic: String, CaseIterable {
        case incidents, changes, watch, known, planned, notes

        package var title: String {
            switch self {
            case .incidents: "Active incidents"
            case .changes: "Recent changes"
            case .watch: "Watch items"
            case .known: "Known issues"
            case .planned: "Planned work"
            case .notes: "Notes and open action items"
            }
        }
    }

    package struct Item {
        package let topic: Topic
        /// When it happened, or when it is due.
        package let at: Timestamp?
        package let service: String
        package let run: RunID?
        /// One line.
        package let text: String
        /// What to do or to type; may be absent.
        package let advice: String?
    }

    package let at: Timestamp
    package let since: Timestamp
    /// Whom it is of, in the order of their names.
    package let services: [String]
    package var items: [Item]
    /// What could not be looked at, and why.
    package var gaps: [String] = []

    package func items(_ topic: Topic) -> [Item] {
        items.filter { $0.topic == topic }.sorted { ($0.at ?? at, $0.service) < ($1.at ?? at, $1.service) }
    }
}

extension Handoff {
    package func text(_ style: Style) -> String {
        var lines = [style("Hand-over", .bold) + " \(Clock.date(at)), since \(Clock.date(since)): \(whose)"]
        for topic in Topic.allCases {
            lines += ["", style(topic.title, .bold)]
            let found = items(topic)
            if found.isEmpty { lines.append(style("  none", .faint)) }
            for item in found {
                lines.append("  \(Self.head(item))\(Style.harmless(item.text))")
                if let advice = item.advice { lines.append(style("      \(advice)", .faint)) }
            }
        }
        return (lines + gaps.map { style("! \(Style.harmless($0))", .yellow) }).joined(separator: "\n")
    }

    package var markdown: String {
        var lines = [
            "# Hand-over \(Clock.date(at))", "", "Since \(Clock.date(since)): \(RunReport.cell(whose))", "",
        ]
        for topic in Topic.allCases {
            let found = items(topic)
            lines += ["## \(topic.title)", ""]
            lines +=
                found.isEmpty ? ["none"] : found.map { "- \(Self.head($0))\(RunReport.cell(Self.whole($0)))" }
            lines.append("")
        }
        return (lines + gaps.map { "*Not looked at: \(RunReport.cell($0))*" }).joined(separator: "\n")
    }

    package var json: JSON {
        let topics = Topic.allCases.map { topic in
            (topic.rawValue, JSON.list(items(topic).map(Self.json)))
        }
        return .object(
            [
                ("at", .text(Clock.iso(at))), ("since", .text(Clock.iso(since))),
                ("services", .list(services.map { .text($0) })),
            ] + topics + [("gaps", .list(gaps.map { .text($0) }))]
        )
    }

    private var whose: String { services.isEmpty ? "no service has a run" : services.joined(separator: ", ") }

    private static func head(_ item: Item) -> String {
        (item.at.map { "\(Clock.date($0))  " } ?? "") + "\(item.service): "
    }

    private static func whole(_ item: Item) -> String {
        item.text + (item.advice.map { " (\($0))" } ?? "")
    }

    private static func json(_ item: Item) -> JSON {
        .object([
            ("at", item.at.map { .text(Clock.iso($0)) } ?? .null), ("service", .text(item.service)),
            ("run", item.run.map { .text($0.rawValue) } ?? .null), ("text", .text(item.text)),
            ("advice", item.advice.map { .text($0) } ?? .null),
        ])
    }
}
