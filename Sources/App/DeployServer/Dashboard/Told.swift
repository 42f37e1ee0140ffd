import DeployCore
import DeployOperations

/// Lines about a run as a list.
enum Told {
    static func list(_ lines: some Sequence<ToldLine>, now: Timestamp) -> Markup {
        tag("ol", .style("events")) {
            lines.map { line in
                tag("li", .style("\(line.mark)")) {
                    Moment.clock(line.at, now: now)
                    icon(line.mark).markup
                    tag("span", .style("phase")) { "\(line.phase?.rawValue ?? "")" }
                    tag("span", .style("pre")) { words(line.text) }
                }
            }
        }
    }

    private static func icon(_ mark: ToldLine.Mark) -> Icon {
        switch mark {
        case .begins, .tells: .dot
        case .succeeds: .check
        case .fails: .cross
        case .warns: .warning
        case .waits: .clock
        }
    }

    /// What stands between backticks is a command.
    static func words(_ text: String) -> Markup {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        guard parts.count % 2 == 1 else { return .text(text) }
        return .group(
            parts.enumerated().map { index, part in
                index % 2 == 0 ? .text(String(part)) : tag("code") { .text(String(part)) }
            }
        )
    }
}
