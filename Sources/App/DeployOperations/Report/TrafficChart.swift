package import DeployCore
import SequentialStatistics
import TrafficJudgement

/// A run's traffic as SVG that stands in an HTML page: no script, colours by the page's CSS.
package struct TrafficChart: Sendable {
    package let series: TrafficSeries
    package let stable: EnvironmentName
    package let candidate: EnvironmentName
    package let began: Timestamp
    /// The candidate's, as the balancers confirmed them.
    package let shares: [(at: Timestamp, exposure: Exposure)]
    /// Seconds since the first watch began; `nil` when nothing took the traffic back.
    package let rollback: Double?
    /// In the units of its own view box; the letters have 12 of them.
    package var width = TrafficChart.wide

    /// As many as a page can show.
    package static let points = 150
    package static let wide = 800.0

    private static let left = 64.0
    private static let right = 92.0
    private static let gap = 46.0
    /// Room for the first title, and above it for what is written at the way back.
    private static let top = 44.0

    private struct Curve {
        /// Seconds, and what was measured in them.
        typealias Stretch = (start: Double, end: Double, value: Double?)

        /// A class of the page's CSS.
        let style: String
        let label: String
        let stretches: [Stretch]
    }

    private struct Panel {
        let title: String
        let height: Double
        let highest: Double
        let curves: [Curve]
        /// Written at the highest value.
        let unit: (Double) -> String
        var threshold: (value: Double, label: String)?
    }

    package var svg: String {
        var y = Self.top
        var body = ""
        let panels = panels
        for panel in panels {
            body += draw(panel, at: y)
            y += panel.height + Self.gap
        }
        let bottom = y - Self.gap
        body += times(at: bottom) + mark(to: bottom)
        let height = Self.number(bottom + 26)
        return """
            <svg viewBox="0 0 \(Self.number(width)) \(height)" role="img" aria-label="\(RunReport.escaped(summary))">
            \(body)</svg>
            """
    }

    private var isNarrow: Bool { width < 600 }

    private var summary: String {
        "Errors, slow requests and share of \(candidate) beside \(stable) over \(Int(series.length)) seconds"
    }

    // MARK: panels

    private var panels: [Panel] {
        let rates = series.points.flatMap { [$0.stable.errorRate, $0.candidate.errorRate] }.compactMap(\.self)
        var panels = [
            Panel(
                title: "Errors, in percent of the requests",
                height: 120,
                highest: Self.ceiling(rates.max() ?? 0, least: 0.01),
                curves: both { $0.errorRate },
                unit: { "\(Figure.plain($0 * 100, places: 1)) %" }
            )
        ]
        if series.hasDurations {
            let slow = series.points.flatMap { [$0.stable.slowRate, $0.candidate.slowRate] }.compactMap(
                \.self
            )
            panels.append(
                Panel(
                    title: "Slow requests, measured by the usual p95 of \(stable)",
                    height: 90,
                    highest: Self.ceiling(slow.max() ?? 0, least: 0.1),
                    curves: both { $0.slowRate },
                    unit: { "\(Figure.plain($0 * 100, places: 1)) %" }
                )
            )
        }
        return panels + [sharePanel, evidencePanel]
    }

    private var sharePanel: Panel {
        let starts = shares.map { max(0, $0.at.since(began).seconds) }
        let ends = starts.dropFirst() + [series.length]
        let stretches = zip(shares, zip(starts, ends)).map { share, time -> Curve.Stretch in
            (time.0, time.1, share.exposure.share.value / 100)
        }
        return Panel(
            title: "Share of \(candidate)",
            height: 60,
            highest: 1,
            curves: [Curve(style: tone(of: candidate), label: "\(candidate)", stretches: stretches)],
            unit: { "\(Figure.plain($0 * 100, places: 1)) %" }
        )
    }

    private var evidencePanel: Panel {
        let highest = max(series.points.map(\.evidence).max() ?? 0, series.threshold * 1.25)
        return Panel(
            title: "Evidence that \(series.metric.meaning(candidate, stable))"
                + (isNarrow ? "" : " (\(series.metric.name))"),
            height: 110,
            highest: Self.ceiling(highest, least: 1),
            curves: [curve("evidence", series.metric.name) { max(0, $0.evidence) }],
            unit: { Figure.plain($0, places: 1) },
            threshold: (series.threshold, "a rollback takes \(Figure.decimal(series.threshold, places: 1))")
        )
    }

    private func both(_ value: (TrafficSeries.Counts) -> Double?) -> [Curve] {
        [
            curve(tone(of: stable), "\(stable)") { value($0.stable) },
            curve("wide \(tone(of: candidate))", "\(candidate)") { value($0.candidate) },
        ]
    }

    private func curve(
        _ style: String,
        _ label: String,
        _ value: (TrafficSeries.Point) -> Double?
    ) -> Curve {
        Curve(style: style, label: label, stretches: series.points.map { ($0.start, $0.end, value($0)) })
    }

    /// The next of 1, 2, 5, 10 … above `value`.
    private static func ceiling(_ value: Double, least: Double) -> Double {
        var size = least
        let factors = [2, 2.5, 2]
        for index in 0..<60 where size < value { size *= factors[index % 3] }
        return size
    }

    // MARK: drawing

    private func x(_ second: Double) -> Double {
        Self.left + (width - Self.left - Self.right) * min(1, max(0, second / series.length))
    }

    private func draw(_ panel: Panel, at top: Double) -> String {
        let bottom = top + panel.height
        func y(_ value: Double) -> Double { bottom - panel.height * min(1, max(0, value / panel.highest)) }
        var text = Self.text(panel.title, isNarrow ? 0 : Self.left, top - 10, "title")
        for value in [0, panel.highest / 2, panel.highest] {
            text += line(y(value), value == 0 ? "axis" : "grid")
            text += Self.text(panel.unit(value), Self.left - 8, y(value) + 4, "number")
        }
        if let (value, label) = panel.threshold {
            text += line(y(value), "limit") + Self.text(label, Self.left + 6, y(value) - 6, "limit")
        }
        var taken: [Double] = []
        for curve in panel.curves {
            text += "<path class=\"\(curve.style)\" d=\"\(path(curve, y))\"/>\n"
            guard let last = curve.stretches.compactMap(\.value).last else { continue }
            let place = taken.contains { abs($0 - y(last)) < 14 } ? (taken.max() ?? 0) - 14 : y(last)
            taken.append(place)
            text += Self.text(curve.label, width - Self.right + 8, place + 4, curve.style)
        }
        return text
    }

    /// Each point is as long as it was measured; a break where nothing is known.
    private func path(_ curve: Curve, _ y: (Double) -> Double) -> String {
        var commands = ""
        var isDown = false
        for stretch in curve.stretches {
            defer { isDown = stretch.value != nil }
            guard let value = stretch.value else { continue }
            let (start, end) = (Self.number(x(stretch.start)), Self.number(x(stretch.end)))
            let height = Self.number(y(value))
            commands += isDown ? "H\(start)V\(height)H\(end)" : "M\(start) \(height)H\(end)"
        }
        return commands
    }

    private func tone(of name: EnvironmentName) -> String {
        Tone(of: name, beside: name == stable ? candidate : stable).rawValue
    }

    private func times(at bottom: Double) -> String {
        (isNarrow ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map { part in
            let second = (series.length * part).rounded()
            let time = Clock.time(began.advanced(by: .seconds(Int64(second))))
            return Self.text(time, x(second), bottom + 18, "time")
        }.joined()
    }

    private func mark(to bottom: Double) -> String {
        guard let rollback else { return "" }
        let place = Self.number(x(rollback))
        return "<line class=\"mark\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(Self.number(Self.top))\" "
            + "y2=\"\(Self.number(bottom))\"/>\n"
            + Self.text("rolled back", x(rollback), Self.top - 28, "mark")
    }

    private func line(_ y: Double, _ style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(Self.number(Self.left))\" x2=\"\(Self.number(width - Self.right))\" "
            + "y1=\"\(Self.number(y))\" y2=\"\(Self.number(y))\"/>\n"
    }

    private static func text(_ text: String, _ x: Double, _ y: Double, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\">\(RunReport.escaped(text))</text>\n"
    }

    private static func number(_ value: Double) -> String { Figure.plain(value, places: 1) }
}
