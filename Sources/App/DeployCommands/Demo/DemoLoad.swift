import Foundation
import HTTPClient
import Synchronization

/// Steady requests, each on a new connection, and what became of them.
final class DemoLoad: Sendable {
    struct Count: Sendable {
        var requests = 0
        var failed = 0
    }

    private let url: String
    private let rate: Int
    private let counts = Mutex(Count())

    init(url: String, rate: Int) {
        self.url = url
        self.rate = rate
    }

    var count: Count { counts.withLock { $0 } }

    /// Sends requests until its task is cancelled.
    ///
    /// Each starts when it is due, however long others take.
    func run() async {
        let clock = ContinuousClock()
        let client = HTTPClient()
        let request = HTTPRequest(
            url: url,
            headers: [HTTPHeader("Connection", "close")],
            deadline: .seconds(5)
        )
        await withDiscardingTaskGroup { group in
            var due = clock.now
            while !Task.isCancelled {
                group.addTask { await self.count(try? await client.send(request)) }
                due += .microseconds(1_000_000 / rate)
                try? await clock.sleep(until: due)
            }
        }
    }

    private func count(_ response: HTTPResponse?) async {
        // A request that was under way when the demo ended is nobody's failure.
        guard !Task.isCancelled else { return }
        counts.withLock { counts in
            counts.requests += 1
            if response.map({ $0.status >= 500 }) ?? true { counts.failed += 1 }
        }
    }
}
