import DeployCore
import DeployPorts
import Foundation
import Synchronization
import Testing

@testable import MetricSources

@Suite struct CommandGaugeTests {
    private let lab: Lab

    init() throws {
        lab = try Lab()
        try lab.write("input", "abc")
    }

    @Test(arguments: [
        ("echo 5", 5), ("echo working; echo; echo ' 0.25 '; echo", 0.25),
        ("echo warning >&2; echo 1e3", 1000),
        ("echo \"$BGDEPLOY_SECRET_T\"", 7), ("wc -c < input", 3),
    ])
    func `reads the last line`(script: String, value: Double) async throws {
        #expect(try await gauge(["/bin/sh", "-c", script]).read() == value)
    }

    @Test(arguments: [
        ("echo 5; exit 3", "exit code 3: 5"), ("echo no >&2; exit 1", "exit code 1: no"),
        ("true", "printed nothing"),
        ("echo x5", "`x5`, not a number"), ("echo 5%", "`5%`"), ("echo nan", "`nan`"), ("echo inf", "`inf`"),
        ("echo 0x10", "`0x10`"), ("echo -1", "`-1`"), ("echo 1 2", "`1 2`"), ("echo 1e999", "`1e999`"),
        ("kill -9 $$", "signal 9"), ("yes 12345678 | head -c 100000", "more than 64 KiB"),
    ])
    func `has no evidence`(script: String, words: String) async throws {
        let error = await #expect(throws: MetricsError.self) {
            try await gauge(["/bin/sh", "-c", script]).read()
        }
        #expect(error?.evidence?.contains(words) == true, "\(String(describing: error))")
    }

    @Test func `a command that hangs is ended and no evidence`() async throws {
        let gauge = gauge(["/bin/sh", "-c", "echo 5; sleep 600"], deadline: 100)
        let error = await #expect(throws: MetricsError.self) { try await gauge.read() }
        #expect(error?.evidence?.contains("ended after 100 ms") == true)
    }

    @Test func `arguments meet no shell, and a program that is not there is unusable`() async throws {
        #expect(try await gauge(["/bin/echo", "$(exit 3)", "\n4"]).read() == 4)
        let error = await #expect(throws: MetricsError.self) { try await gauge(["./no-such-program"]).read() }
        #expect(error?.evidence == nil)
    }

    private func gauge(_ arguments: [String], deadline: Int = 30_000) -> CommandGauge {
        CommandGauge(
            name: "count",
            arguments: arguments,
            environment: ["PATH": "/usr/bin:/bin", "BGDEPLOY_SECRET_T": "7"],
            folder: lab.folder,
            deadline: deadline
        )
    }
}

@Suite struct PacedGaugeTests {
    @Test func `is read once in its time, and a failure stands as long as a value`() async throws {
        let (clock, inner) = (HandClock(), CountingGauge())
        let gauge = PacedGauge(inner, every: .seconds(10), clock: clock)
        #expect(try await gauge.read() == 1)
        clock.advance(9_999)
        #expect(try await gauge.read() == 1)
        clock.advance(1)
        #expect(try await gauge.read() == 2)
        inner.fails.withLock { $0 = true }
        clock.advance(10_000)
        await #expect(throws: MetricsError.noEvidence("broken")) { try await gauge.read() }
        inner.fails.withLock { $0 = false }
        clock.advance(5_000)
        await #expect(throws: MetricsError.noEvidence("broken")) { try await gauge.read() }
        clock.advance(5_000)
        #expect(try await gauge.read() == 4)
        // A clock that was set back keeps no old value alive.
        clock.advance(-60_000)
        #expect(try await gauge.read() == 5)
        #expect(gauge.every == .seconds(10))
    }
}

private final class CountingGauge: Gauge {
    let name = "count"
    let fails = Mutex(false)
    private let count = Mutex(0.0)

    func read() async throws(MetricsError) -> Double {
        let value = count.withLock { count in
            count += 1
            return count
        }
        if fails.withLock({ $0 }) { throw .noEvidence("broken") }
        return value
    }
}

private final class HandClock: Timekeeper {
    private let time = Mutex<Int64>(1_000_000)

    func now() -> Timestamp { Timestamp(milliseconds: time.withLock { $0 }) }
    func sleep(for span: DeployCore.Span) async throws(CancellationError) {}
    func advance(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
}

extension MetricsError {
    /// The reason of no evidence; `nil` for what can never work.
    var evidence: String? {
        if case .noEvidence(let reason) = self { reason } else { nil }
    }
}
