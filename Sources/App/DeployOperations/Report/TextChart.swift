package import DeployCore
import SequentialStatistics
import TrafficJudgement

/// A run's traffic as rows of small bars, for a pull request or a terminal.
package struct TextChart {
    package let series: TrafficSeries
    package let stable: EnvironmentName
    package let candidate: EnvironmentName
    package let began: Timestamp

    /// As many as stand side by side on a phone's screen turned round.
    package static let points = 48

    private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    package var lines: [String] {
        let points = series.points
        let errors = points.map(\.stable.errorRate) + points.map(\.candidate.errorRate)
        let slow = points.map(\.stable.slowRate) + points.map(\.candidate.slowRate)
        var rows: [(String, String, String)] = []
        func add(_ label: String, _ values: [Double?], _ all: [Double?]) {
            let own = values.compactMap(\.self).max()
            rows.append(
                (label, Self.row(values, all), own.map { "at most \(Figure.percent($0))" } ?? "no requests")
            )
        }
        let shares = points.map { Optional($0.share) }
        let last = points.last?.share ?? 0
        rows.append(
            (
                "share of \(candidate)", Self.row(shares, [1]),
                "at last \(Figure.plain(last * 100, places: 1)) %"
            )
        )
        add("errors \(stable)", points.map(\.stable.errorRate), errors)
        add("errors \(candidate)", points.map(\.candidate.errorRate), errors)
        if series.hasDurations {
            add("slow \(stable)", points.map(\.stable.slowRate), slow)
            add("slow \(candidate)", points.map(\.candidate.slowRate), slow)
        }
        rows.append(evidence)
        let width = rows.map(\.0.count).max() ?? 0
        let end = Clock.time(began.advanced(by: .seconds(Int64(series.length))))
        let gap = String(repeating: " ", count: max(1, points.count - 16))
        return rows.map { "\($0.padded(to: width))  \($1)  \($2)" }
            + [String(repeating: " ", count: width + 2) + Clock.time(began) + gap + end]
    }

    private var evidence: (String, String, String) {
        let values = series.points.map { Optional(max(0, $0.evidence)) }
        let highest = values.compactMap(\.self).max() ?? 0
        return (
            "evidence", Self.row(values, [series.threshold, highest]),
            "\(series.metric.name), at most \(Figure.decimal(highest, places: 1)); "
                + "a rollback takes \(Figure.decimal(series.threshold, places: 1))"
        )
    }

    /// Scaled to the highest of `all`; a blank where nothing is known.
    private static func row(_ values: [Double?], _ all: [Double?]) -> String {
        let highest = all.compactMap(\.self).max() ?? 0
        return String(
            values.map { value -> Character in
                guard let value else { return " " }
                guard highest > 0 else { return bars[0] }
                let index = Int((value / highest * Double(bars.count - 1)).rounded(.up))
                return bars[min(bars.count - 1, max(0, index))]
            }
        )
    }
}
