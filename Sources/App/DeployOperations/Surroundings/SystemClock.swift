package import DeployCore
import DeployPorts
import Foundation

/// The machine's clocks: the wall clock for the journal, the monotonic one for waiting.
package struct SystemClock: Timekeeper {
    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(for span: Span) async throws(CancellationError) {
        do {
            try await ContinuousClock().sleep(for: .milliseconds(span.milliseconds), tolerance: .zero)
        } catch {
            throw CancellationError()
        }
    }
}
