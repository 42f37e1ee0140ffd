import DeployCore
import LoadClient

/// What the playbook allows, and how it compares with what was measured.
struct LoadLimits: Hashable, Sendable {
    struct Latency: Hashable, Sendable {
        /// 0 through 100.
        let percentile: Int
        let most: Span
    }

    /// One limit after the load.
    struct Finding: Hashable, Sendable {
        let name: String
        let asked: String
        let measured: String
        let isMet: Bool
    }

    var latencies: [Latency] = []
    var errors = Percent(1) ?? .zero
    /// The share of the WebSockets that must open and last.
    var sockets: Percent?

    // MARK: after the load

    func findings(_ figures: LoadFigures, corrected: LatencyRecord, sockets: SocketFigures) -> [Finding] {
        var findings = latencies.map { limit in
            let percent = Double(limit.percentile)
            // The correction fills the gaps behind slow answers with ever faster ones, and some of those may be
            // within the limit: so neither view alone may pass.
            let worst = [figures.latency, corrected].compactMap { $0.percentile(percent) }.max()
            return Finding(
                name: "p\(limit.percentile)",
                asked: "\(limit.most)",
                measured: worst.map(Figure.time) ?? "nothing",
                isMet: worst.map { $0 <= .milliseconds(limit.most.milliseconds) } ?? false
            )
        }
        findings.append(
            Finding(
                name: "errors",
                asked: "\(errors)%",
                measured: "\(Figure.percent(figures.bad, of: figures.count)) "
                    + "(\(figures.bad) of \(figures.count))",
                isMet: figures.count > 0 && figures.bad * 1000 <= figures.count * errors.tenths
            )
        )
        if let least = self.sockets {
            findings.append(
                Finding(
                    name: "websocket_success",
                    asked: "\(least)%",
                    measured: "\(Figure.percent(sockets.good, of: sockets.count)) "
                        + "(\(sockets.good) of \(sockets.count))",
                    isMet: sockets.count > 0 && sockets.good * 1000 >= sockets.count * least.tenths
                )
            )
        }
        return findings
    }

    // MARK: during the load

    /// Why no further answer can bring the load within its limits; `nil` while one can.
    ///
    /// `expected` is how many requests it will have made at its end, at most.
    func hopeless(_ figures: LoadFigures, expected: Int) -> String? {
        if figures.bad * 1000 > expected * errors.tenths {
            return "\(figures.bad) requests failed already: "
                + "more than \(errors)% of all \(expected) that can be made"
        }
        for limit in latencies {
            let slow = figures.latency.count(above: .milliseconds(limit.most.milliseconds))
            if Int(slow) * 100 > expected * (100 - limit.percentile) {
                return "\(slow) requests took longer than \(limit.most) already: "
                    + "p\(limit.percentile) of all \(expected) that can be made cannot be less"
            }
        }
        return nil
    }
}
