import SequentialStatistics
import Testing

/// Ticks as a run's journal keeps them, and durations that not every request has.
@Suite struct TickTextTests {
    @Test func `a tick's text gives the same tick again`() throws {
        let tick = try Tick(
            start: 12,
            step: 1,
            of: 4,
            share: 0.1,
            candidate: Tick.Arm(
                requests: 153,
                errors: 7,
                timed: 150,
                slow: 9,
                verySlow: 4,
                handshakes: 3,
                failedHandshakes: 1,
                exceptions: 2
            ),
            stable: Tick.Arm(requests: 1204, errors: 1, slow: 60)
        )
        #expect(tick.description == "12.0 1 4 0.1;153 7 150 9 4 3 1 2;1204 1 1204 60 0 0 0 0")
        #expect(Tick(tick.description) == tick)
    }

    @Test(arguments: [
        "", ";;", "12 0 4 0.1;1 2 3;1 2 3", "12 4 4 0.1;0 0 0 0 0 0 0 0;0 0 0 0 0 0 0 0",
        "12 0 4 2;0 0 0 0 0 0 0 0;0 0 0 0 0 0 0 0", "12 0 4 0.1;-1 0 0 0 0 0 0 0;0 0 0 0 0 0 0 0",
        "a 0 4 0.1;0 0 0 0 0 0 0 0;0 0 0 0 0 0 0 0", "12 0 4 0.1;0 0 0 0 0 0 0 x;0 0 0 0 0 0 0 0",
    ])
    func `what no tick wrote is none`(text: String) { #expect(Tick(text) == nil) }

    @Test func `requests without a known duration are no evidence of speed`() throws {
        var blind = Monitor()
        var sighted = Monitor()
        for second in 0..<120 {
            func tick(timed: Int?) throws -> Tick {
                try Tick(
                    start: Double(second),
                    step: 0,
                    of: 2,
                    share: 0.5,
                    candidate: Tick.Arm(requests: 100, timed: timed, slow: timed == nil ? 5 : 0),
                    stable: Tick.Arm(requests: 100, timed: timed, slow: timed == nil ? 5 : 0)
                )
            }
            _ = blind.observe(try tick(timed: 0))
            _ = sighted.observe(try tick(timed: nil))
        }
        let last = try Tick(start: 120, step: 0, of: 2, share: 0.5, candidate: .silent, stable: .silent)
        let unknown = blind.observe(last).certificates.latency
        let known = sighted.observe(last).certificates.latency
        #expect(unknown.magnitude < 1e-9)
        #expect(known > 3)
    }
}
