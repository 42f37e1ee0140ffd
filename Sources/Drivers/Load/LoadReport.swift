import DeployCore
import DeployPorts
import LoadClient

/// A load told after the fact: one line, the limits, the histogram.
struct LoadReport {
    private static let lineLimit = 300
    private static let faultsShown = 6
    private static let barWidth = 40

    let step: LoadStep
    let url: String
    let figures: LoadFigures
    let counted: Duration
    let sockets: SocketFigures
    /// Why it was ended before its time.
    let stopped: String?
    private let corrected: LatencyRecord
    private let findings: [LoadLimits.Finding]
    private let values: Values

    init(
        step: LoadStep,
        url: String,
        figures: LoadFigures,
        counted: Duration,
        sockets: SocketFigures,
        stopped: String?,
        values: Values
    ) {
        self.step = step
        self.url = url
        self.figures = figures
        self.counted = counted
        self.sockets = sockets
        self.stopped = stopped
        self.values = values
        // A timetable leaves nothing out that would have to be added.
        if case .users = step.pace {
            corrected = figures.latency.corrected
        } else {
            corrected = figures.latency
        }
        findings = step.limits.findings(figures, corrected: corrected, sockets: sockets)
    }

    var isGood: Bool { stopped == nil && findings.allSatisfy(\.isMet) }

    var summary: String {
        let errors = Figure.percent(figures.bad, of: figures.count)
        return "\(figures.count) requests, \(Figure.perSecond(figures.count, in: counted)) a second, "
            + "\(percentiles(corrected)), \(errors) errors"
    }

    /// What was asked and what was measured, of every limit; then the errors.
    func failure(file: String) -> String {
        let broken = findings.count { !$0.isMet }
        let what = broken == 1 ? "1 limit is broken" : "\(broken) limits are broken"
        var lines = ["\(step.summary): " + (stopped.map { "ended early: \($0)" } ?? what)]
        lines += limitLines.map { "  \($0)" }
        lines.append("  \(summary)")
        lines += faultLines.map { "  \($0)" }
        lines.append("  histogram: \(file)")
        return lines.joined(separator: "\n")
    }

    /// The whole report, for a file.
    var text: String {
        var lines = [step.summary, url, ""]
        if let stopped { lines += ["ended early: \(stopped)", ""] }
        lines += [summary, ""] + limitLines + [""]
        if !faultLines.isEmpty { lines += faultLines + [""] }
        if figures.resent > 0 {
            lines += [
                "\(figures.resent) requests were sent once more: the server had closed the connection", "",
            ]
        }
        guard figures.latency.count > 0 else { return lines.joined(separator: "\n") }
        if case .users = step.pace {
            lines += [
                "as measured    \(percentiles(figures.latency))",
                "corrected      \(percentiles(corrected))   (with what users left out while they waited)",
                "",
            ]
        }
        lines += ["  percentile      latency    requests"] + spectrumLines + ["", "as measured:"] + barLines
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: parts

    private var limitLines: [String] {
        let width = findings.map(\.name.count).max() ?? 0
        let asked = findings.map(\.asked.count).max() ?? 0
        return findings.map { finding in
            "\(Figure.left(finding.name, width))  asked \(Figure.left(finding.asked, asked))"
                + "  measured \(finding.measured)\(finding.isMet ? "" : "  BROKEN")"
        }
    }

    private var faultLines: [String] {
        let requests = figures.faults.map { (text: "\($0.key)", count: $0.value) }
        let opened = sockets.faults.map { (text: "WebSocket: \($0.key)", count: $0.value) }
        let all = (requests + opened).sorted { ($1.count, $0.text) < ($0.count, $1.text) }
        let rest = all.dropFirst(Self.faultsShown).map(\.count).reduce(0, +)
        return all.prefix(Self.faultsShown).map { "\($0.count) × \(harmless($0.text))" }
            + (rest > 0 ? ["\(rest) × something else"] : [])
    }

    private func percentiles(_ record: LatencyRecord) -> String {
        [50.0, 95, 99].map { percent in
            "p\(Int(percent)) \(record.percentile(percent).map(Figure.time) ?? "-")"
        }.joined(separator: ", ")
    }

    private var spectrumLines: [String] {
        corrected.spectrum.map { level in
            let percentile = Figure.right(Figure.fixed(level.percentile, 4), 10) + " %"
            let latency = Figure.right(Figure.time(.microseconds(Int64(clamping: level.microseconds))), 11)
            return "\(percentile)\(latency)\(Figure.right("\(level.count)", 12))"
        }
    }

    /// How many requests took how long, in steps of 1, 2, 5.
    private var barLines: [String] {
        let steps = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
        var bars: [(limit: Duration, count: Int)] = []
        var above = Int(figures.latency.count)
        for limit in steps.flatMap({ [$0, 2 * $0, 5 * $0] }) where above > 0 {
            let left = Int(figures.latency.count(above: .microseconds(limit)))
            bars.append((.microseconds(limit), above - left))
            above = left
        }
        let most = max(1, bars.map(\.count).max() ?? 1)
        return bars.drop { $0.count == 0 }.map { bar in
            let length = (bar.count * Self.barWidth + most - 1) / most
            return "  up to \(Figure.right(Figure.time(bar.limit), 9))  "
                + Figure.left(String(repeating: "█", count: length), Self.barWidth) + "  \(bar.count)"
        }
    }

    /// What a stranger sent, on one line.
    private func harmless(_ text: String) -> String {
        let plain = values.masked(text).unicodeScalars.prefix(Self.lineLimit).map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                ? "?" : Character(scalar)
        }
        return String(plain)
    }
}
