import SequentialStatistics
import Testing

/// What a release engineer is promised, apart from numbers.
@Suite struct MonitorTests {
    @Test func `a healthy candidate is promoted after the shortest dwell and not before`() throws {
        var monitor = Monitor()
        let verdicts = monitor.verdicts(try Run().ticks(90))
        #expect(verdicts.prefix(59).allSatisfy { $0 == .goOn })
        #expect(verdicts.contains(.promote))
        #expect(!verdicts.contains { $0.rollbackMode != nil })
    }

    @Test func `errors on the candidate alone roll back at once, and nothing after it changes that`() throws {
        var monitor = Monitor()
        var run = Run()
        #expect(!monitor.verdicts(try run.ticks(100)).contains { $0.rollbackMode != nil })
        run.candidateErrors = { _ in 5 }
        #expect(monitor.verdicts(try run.ticks(4, from: 100)).last == .rollBack(.relativeErrors))
        let final = try #require(monitor.finalJudgement)
        run.candidateErrors = { _ in 0 }
        for tick in try run.ticks(200, from: 104) { #expect(monitor.observe(tick) == final) }
        #expect(Metric.relativeErrors.rollbackMode == .instant)
    }

    @Test func `errors on both arms hold, because a rollback would not help`() throws {
        var monitor = Monitor()
        var run = Run()
        _ = monitor.verdicts(try run.ticks(60))
        run.candidateErrors = { _ in 10 }
        run.stableErrors = { _ in 90 }
        let verdicts = monitor.verdicts(try run.ticks(30, from: 60))
        #expect(verdicts.last == .hold(.objection(.commonCause, to: .absoluteErrors)))
        #expect(!verdicts.contains { $0.rollbackMode != nil })
    }

    @Test func `a burst that has passed holds and is forgiven`() throws {
        var run = Run()
        run.rate = 2000
        var configuration = Configuration()
        try configuration.set("confirm", to: 10)
        try configuration.set("decisive", to: 1000)
        try configuration.set("share.err_abs", to: 0)
        var monitor = Monitor(configuration)
        run.candidateErrors = { $0 < 4 ? 20 : 0 }
        let verdicts = monitor.verdicts(try run.ticks(30))
        #expect(verdicts.contains(.hold(.objection(.recovered, to: .relativeErrors))))
        #expect(!verdicts.contains { $0.rollbackMode != nil })
    }

    @Test func `a difference that is sure but small holds, however sure it is`() throws {
        var monitor = Monitor()
        var run = Run()
        run.rate = 200_000
        run.stableErrors = { _ in 1800 }
        // 1.45 times as many: more than the tolerance of 1.25, less than the 1.5 that a rollback is worth.
        run.candidateErrors = { _ in 290 }
        let verdicts = monitor.verdicts(try run.ticks(200))
        #expect(verdicts.last == .hold(.objection(.belowEffect, to: .relativeErrors)))
        #expect(!verdicts.contains { $0.rollbackMode != nil })
        // A little above 1.5 it is worth it.
        run.candidateErrors = { _ in 310 }
        #expect(monitor.verdicts(try run.ticks(200, from: 200)).contains(.rollBack(.relativeErrors)))
    }

    @Test(arguments: [Metric.webSockets, .exceptions])
    func `too small a difference of handshakes or exceptions holds`(metric: Metric) throws {
        /// On the stable arm 10 % of the handshakes fail and 1 % of the requests raise an exception.
        func last(failed: Int, exceptions: Int) throws -> Verdict? {
            var monitor = Monitor()
            return try (0..<30).map { index in
                let tick = try Tick(
                    start: Double(index),
                    step: 0,
                    of: 4,
                    share: 0.1,
                    candidate: Tick.Arm(
                        requests: 10_000,
                        handshakes: 10_000,
                        failedHandshakes: failed,
                        exceptions: exceptions
                    ),
                    stable: Tick.Arm(
                        requests: 90_000,
                        handshakes: 90_000,
                        failedHandshakes: 9000,
                        exceptions: 900
                    )
                )
                return monitor.observe(tick).verdict
            }.last
        }
        let isSockets = metric == .webSockets
        let small = try last(failed: isSockets ? 1490 : 1000, exceptions: isSockets ? 100 : 195)
        #expect(small == .hold(.objection(.belowEffect, to: metric)))
        let large = try last(failed: isSockets ? 1520 : 1000, exceptions: isSockets ? 100 : 205)
        #expect(large == .rollBack(metric))
    }

    @Test func `a candidate that is sure to be a little slower holds`() throws {
        var monitor = Monitor()
        var run = Run()
        run.rate = 100
        // 10 % above 1.25 τ, where the stable arm has 4 % above τ; but none above 1.40 τ.
        run.candidateSlow = 1
        run.candidateVerySlow = 0
        let verdicts = monitor.verdicts(try run.ticks(200))
        #expect(verdicts.last == .hold(.objection(.belowEffect, to: .relativeLatency)))
        #expect(!verdicts.contains { $0.rollbackMode != nil })
    }

    @Test func `a slow candidate goes back gradually, once it had the time to warm up`() throws {
        var monitor = Monitor()
        var run = Run()
        run.candidateSlow = 8
        run.candidateVerySlow = 6
        let verdicts = monitor.verdicts(try run.ticks(60))
        let tick = try #require(verdicts.firstIndex(of: .rollBack(.relativeLatency)))
        #expect(tick >= 30)
        #expect(tick <= 40)
        #expect(verdicts[tick].rollbackMode == .gradual)
    }

    @Test(arguments: SilentArm.allCases)
    func `an arm without data is named`(silent: SilentArm) throws {
        var configuration = Configuration()
        configuration.routesEachRequest = false
        var monitor = Monitor(configuration)
        let run = Run()
        _ = monitor.verdicts(try run.ticks(100))
        let verdicts = try run.ticks(80, from: 100).map { tick in
            let tick = try Tick(
                start: tick.start,
                step: 0,
                of: 4,
                share: tick.share,
                candidate: silent == .stable ? tick.candidate : .silent,
                stable: silent == .candidate ? tick.stable : .silent
            )
            return monitor.observe(tick).verdict
        }
        #expect(verdicts.last == .hold(.noData(silent)))
        let names = [SilentArm.candidate: "no-data:green", .stable: "no-data:blue", .both: "no-data:all"]
        #expect(verdicts.last?.cause == names[silent])
    }

    @Test func `a candidate that no longer answers its share is silent`() throws {
        var monitor = Monitor()
        let run = Run()
        _ = monitor.verdicts(try run.ticks(20))
        let verdicts = try run.ticks(20, from: 20).map { tick in
            try Tick(start: tick.start, step: 0, of: 4, share: 0.1, candidate: .silent, stable: tick.stable)
        }.map { monitor.observe($0).verdict }
        #expect(verdicts.contains(.rollBack(.silence)))
    }

    @Test func `a share of zero is evidence of nothing`() throws {
        var monitor = Monitor()
        var run = Run()
        run.share = 0
        run.candidateErrors = { _ in 0 }
        run.candidateSlow = 0
        #expect(monitor.verdicts(try run.ticks(300)).allSatisfy { $0 == .goOn })
    }

    @Test func `too little traffic ends without a verdict`() throws {
        var monitor = Monitor()
        var run = Run()
        run.rate = 10
        run.stableErrors = { _ in 0 }
        run.candidateErrors = { _ in 0 }
        run.candidateSlow = 0
        let verdicts = monitor.verdicts(try run.ticks(601))
        #expect(verdicts.firstIndex(of: .inconclusive) == 599)
    }

    @Test func `counts of different ticks meet when both arms had requests`() throws {
        // Alternating silence compares as well as a steady trickle; more than half a minute apart does not.
        func evidence(every gap: Int, _ longest: Double) throws -> Double {
            var configuration = Configuration()
            try configuration.set("pend_max", to: longest)
            try configuration.set("share.err_abs", to: 0)
            var monitor = Monitor(configuration)
            for index in 0..<120 {
                let isStable = index % gap == 0
                let isCandidate = index % gap == gap / 2
                let tick = try Tick(
                    start: Double(index),
                    step: 0,
                    of: 2,
                    share: 0.5,
                    candidate: isCandidate ? Tick.Arm(requests: 2, errors: 1) : .silent,
                    stable: isStable ? Tick.Arm(requests: 2) : .silent
                )
                let judgement = monitor.observe(tick)
                if index == 119 { return judgement.evidence[.relativeErrors] }
            }
            return .nan
        }
        #expect(try evidence(every: 4, 30) > 5)
        #expect(try abs(evidence(every: 4, 2)) < 1e-9)
    }
}
