import Foundation
import SequentialStatistics
import Testing

/// Nothing that comes in stops the judge, and what cannot be is no evidence.
@Suite struct HostileInputTests {
    @Test(arguments: [-1, Int.min, Tick.largestCount + 1, Int.max])
    func `a count that cannot be is refused`(count: Int) {
        #expect(throws: TickError.impossibleCount(count)) { try Tick.Arm(requests: count) }
        #expect(throws: TickError.impossibleCount(count)) { try Tick.Arm(requests: 1, errors: count) }
        #expect(throws: TickError.impossibleCount(count)) { try Tick.Arm(requests: 1, exceptions: count) }
    }

    @Test(arguments: [-1, Double.nan, .infinity, -.infinity])
    func `a time or a share that cannot be is refused`(value: Double) {
        #expect(throws: TickError.self) {
            try Tick(start: value, step: 0, of: 1, share: 0.5, candidate: .silent, stable: .silent)
        }
        #expect(throws: TickError.self) {
            try Tick(start: 0, step: 0, of: 1, share: value, candidate: .silent, stable: .silent)
        }
    }

    @Test(arguments: [(0, 0), (1, 1), (-1, 4), (0, -3), (0, Int.max), (0, Int.min)])
    func `a step that cannot be is refused`(step: Int, steps: Int) {
        #expect(throws: TickError.impossibleStep(step, of: steps)) {
            try Tick(start: 0, step: step, of: steps, share: 0.5, candidate: .silent, stable: .silent)
        }
    }

    @Test(arguments: [
        #"{"t":0,"step":0,"steps":1,"w":0.1,"g":{"n":-1},"b":{}}"#,
        #"{"t":0,"step":0,"steps":1,"w":0.1,"g":{"n":1.5},"b":{}}"#,
        #"{"t":0,"step":0,"steps":1,"w":0.1,"g":{"n":1e30},"b":{}}"#,
        #"{"t":0,"step":0,"steps":1,"w":0.1,"g":{"n":"NaN"},"b":{}}"#,
        #"{"t":0,"step":0,"steps":1,"w":1.5,"g":{},"b":{}}"#,
        #"{"t":"inf","step":0,"steps":1,"w":0.1,"g":{},"b":{}}"#,
        #"{"step":0,"steps":1,"w":0.1,"g":{},"b":{}}"#,
        #"{"t":0,"step":0,"steps":1,"w":0.1,"g":[],"b":{}}"#,
        "[]",
    ])
    func `a line that is no tick is refused`(line: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Tick.self, from: Data(line.utf8)) }
    }

    @Test func `what a line leaves out or says is null is zero`() throws {
        for arms in ["", #","g":null,"b":null"#, #","g":{"n":null},"b":{"err":null}"#] {
            let line = #"{"t":3,"step":1,"steps":2,"w":0.1\#(arms)}"#
            let tick = try JSONDecoder().decode(Tick.self, from: Data(line.utf8))
            #expect(tick.candidate == .silent)
            #expect(tick.stable == .silent)
        }
    }

    @Test func `a tick comes back as it was written`() throws {
        let tick = try Tick(
            start: 7.5,
            step: 1,
            of: 3,
            share: 0.25,
            candidate: Tick.Arm(
                requests: 9,
                errors: 1,
                slow: 3,
                verySlow: 2,
                handshakes: 5,
                failedHandshakes: 4,
                exceptions: 6
            ),
            stable: Tick.Arm(
                requests: 90,
                errors: 2,
                slow: 5,
                handshakes: 50,
                failedHandshakes: 8,
                exceptions: 7
            )
        )
        #expect(try JSONDecoder().decode(Tick.self, from: JSONEncoder().encode(tick)) == tick)
    }

    @Test func `the largest counts, tick after tick, leave the evidence finite`() throws {
        let most = Tick.largestCount
        for (errors, stableErrors) in [(most, 0), (0, most), (most, most), (0, 0)] {
            var configuration = Configuration()
            try configuration.set("confirm", to: 1e9)
            try configuration.set("decisive", to: 1e9)
            var monitor = Monitor(configuration)
            for index in 0..<400 {
                let tick = try Tick(
                    start: Double(index),
                    step: 0,
                    of: 1,
                    share: 0.5,
                    candidate: Tick.Arm(
                        requests: index % 7 == 0 ? 1 : most,
                        errors: errors,
                        slow: errors,
                        verySlow: errors,
                        handshakes: most,
                        failedHandshakes: errors,
                        exceptions: errors
                    ),
                    stable: Tick.Arm(requests: most, errors: stableErrors, slow: stableErrors)
                )
                let judgement = monitor.observe(tick)
                let isFinite = Metric.allCases.allSatisfy { judgement.evidence[$0].isFinite }
                #expect(isFinite && judgement.certificates.errors.isFinite)
                #expect(judgement.certificates.latency.isFinite)
            }
        }
    }

    @Test func `time that jumps, back or far ahead, does not stop the monitor`() throws {
        var monitor = Monitor()
        for start in [0, 1e12, 5, 4, 1e9, 0.25, 29.99, 30] {
            let tick = try Tick(start: start, step: 0, of: 2, share: 0.5, candidate: .silent, stable: .silent)
            #expect(monitor.observe(tick).verdict.rollbackMode == nil)
        }
    }

    @Test func `durations that cannot be are left out of the histogram`() {
        var histogram = DecayingHistogram()
        for value in [Double.nan, .infinity, -.infinity, -1] { histogram.add(value) }
        histogram.add(5, weight: .nan)
        histogram.decay(seconds: .nan)
        #expect(histogram.quantile(0.95) == nil)
        histogram.add(0)
        histogram.add(.greatestFiniteMagnitude)
        histogram.decay(seconds: -3)
        #expect(histogram.quantile(0)?.isFinite == true)
        #expect(histogram.quantile(2)?.isFinite == true)
    }
}
