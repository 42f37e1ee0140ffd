@testable import BalancerLab
import Dispatch
import Synchronization

/// Requests one after the other, each with a connection of its own, until it is ended.
final class LoadLoop: Sendable {
    private struct Count {
        var good = 0
        var bad = 0
        var isEnding = false
    }

    private let count = Mutex(Count())
    private let done = DispatchSemaphore(value: 0)

    init(_ door: String) {
        DispatchQueue(label: "load").async { [self] in
            while !count.withLock({ $0.isEnding }) {
                let isGood = ["blue", "green"].contains(WebClient.get(door))
                count.withLock { if isGood { $0.good += 1 } else { $0.bad += 1 } }
            }
            done.signal()
        }
    }

    func end() -> (good: Int, bad: Int) {
        count.withLock { $0.isEnding = true }
        done.wait()
        return count.withLock { ($0.good, $0.bad) }
    }
}
