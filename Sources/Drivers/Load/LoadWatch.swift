import DeployCore
import LoadClient
import Synchronization

/// Tells how the load goes, and ends it when nothing can save it any more.
final class LoadWatch: Sendable {
    private struct State {
        var secondsWithoutAnswer = 0
        /// The most requests that any second saw.
        var most = 0
        var stopped: String?
    }

    /// A server that answers nothing for so long is not going to.
    private static let patience = 5
    /// Until then nobody knows how many requests users make.
    private static let seconds = 3

    private let plan: LoadPlan
    private let limits: LoadLimits
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(plan: LoadPlan, limits: LoadLimits, report: @escaping @Sendable (String) -> Void) {
        self.plan = plan
        self.limits = limits
        self.report = report
    }

    /// Why the load was ended before its time; `nil` when it was not.
    var stopped: String? { state.withLock(\.stopped) }

    /// Once a second; returns whether to go on.
    func observe(_ progress: LoadProgress) -> Bool {
        report(line(progress))
        let reason = state.withLock { state in
            let second = progress.second
            state.most = max(state.most, second.count)
            let isSilent = second.good == 0 && second.bad > 0
            state.secondsWithoutAnswer = isSilent ? state.secondsWithoutAnswer + 1 : 0
            state.stopped =
                if state.secondsWithoutAnswer >= Self.patience, limits.errors < .full {
                    "no request was answered well for \(Self.patience) seconds"
                } else {
                    expected(progress, most: state.most)
                        .flatMap { limits.hopeless(progress.total, expected: $0) }
                }
            return state.stopped
        }
        return reason == nil
    }

    /// How many requests there will be at the end, at most; `nil` while nobody knows.
    private func expected(_ progress: LoadProgress, most: Int) -> Int? {
        let left = (plan.length - progress.counted) / .seconds(1)
        switch plan.pace {
        case .rate(let rate):
            let due = Int((rate * (plan.length / .seconds(1))).rounded(.up))
            return max(due, progress.total.count)
        case .users:
            guard progress.counted >= .seconds(Self.seconds) else { return nil }
            // Twice as many as ever: a server that recovers may be faster than it was.
            return progress.total.count + 2 * Int(left.rounded(.up)) * most
        }
    }

    private func line(_ progress: LoadProgress) -> String {
        let second = progress.second
        let times = [50.0, 95, 99].map { percent in
            "p\(Int(percent)) \(second.latency.percentile(percent).map(Figure.time) ?? "-")"
        }
        let isLead = progress.elapsed <= plan.lead
        let seconds = Int(progress.elapsed / .seconds(1))
        return "\(Span.seconds(Int64(seconds)))\(isLead ? " (not counted)" : "")  "
            + "\(second.count) requests/s  \(times.joined(separator: "  "))  \(second.bad) errors"
    }
}
