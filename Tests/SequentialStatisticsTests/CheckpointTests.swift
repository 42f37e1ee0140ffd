import Foundation
import SequentialStatistics
import Testing

@Suite struct CheckpointTests {
    private static func restored(_ monitor: Monitor) throws -> Monitor {
        try JSONDecoder().decode(Monitor.self, from: JSONEncoder().encode(monitor))
    }

    private static func course() throws -> [Tick] {
        var run = Run()
        var ticks: [Tick] = []
        for (step, share) in [0.1, 0.25, 0.5, 0.95].enumerated() {
            run.share = share
            run.candidateSlow = step < 3 ? Int(share * 10) : 0
            if step == 3 {
                run.candidateErrors = { $0 >= 40 ? 12 : 0 }
                run.stableErrors = { _ in 0 }
            }
            ticks += try run.ticks(120, from: Double(step) * 120, step: step)
        }
        return ticks
    }

    @Test(arguments: [0, 1, 29, 45, 119, 120, 121, 307, 402, 479])
    func `a restored monitor judges the rest exactly as the one that went on`(cut: Int) throws {
        let ticks = try Self.course()
        var monitor = Monitor()
        for tick in ticks.prefix(cut) { _ = monitor.observe(tick) }
        var restored = try Self.restored(monitor)
        #expect(restored == monitor)
        for tick in ticks.dropFirst(cut) {
            let expected = monitor.observe(tick)
            #expect(restored.observe(tick) == expected, "at \(tick.start)")
        }
        #expect(restored == monitor)
        #expect(monitor.finalJudgement?.verdict == .rollBack(.baselineErrors))
    }

    @Test func `the same ticks give the same bits`() throws {
        let ticks = try Self.course()
        var (one, other) = (Monitor(), Monitor())
        for tick in ticks { #expect(one.observe(tick) == other.observe(tick)) }
    }

    @Test func `a rollback survives`() throws {
        var run = Run()
        run.candidateErrors = { _ in 20 }
        var monitor = Monitor()
        _ = monitor.verdicts(try run.ticks(5))
        let final = try #require(monitor.finalJudgement)
        var restored = try Self.restored(monitor)
        run.candidateErrors = { _ in 0 }
        #expect(try restored.observe(#require(run.ticks(1, from: 5).first)) == final)
    }

    @Test func `a gap costs no validity: a healthy candidate stays, a bad one is still found`() throws {
        var run = Run()
        var monitor = Monitor()
        _ = monitor.verdicts(try run.ticks(80))
        monitor = try Self.restored(monitor)
        #expect(!monitor.verdicts(try run.ticks(80, from: 700)).contains { $0.rollbackMode != nil })
        run.candidateErrors = { _ in 5 }
        #expect(monitor.verdicts(try run.ticks(8, from: 1500)).contains(.rollBack(.relativeErrors)))
    }

    @Test func `a checkpoint is small`() throws {
        var run = Run()
        run.rate = 10_000
        var monitor = Monitor()
        _ = monitor.verdicts(try run.ticks(700))
        #expect(try JSONEncoder().encode(monitor).count <= 16_384)
    }

    @Test(arguments: [
        ("\"reserve\":", "\"reserve\":7e3,\"x\":"),
        ("\"bets\":8", "\"bets\":3"),
        ("\"bets\":8,\"logBets\":[]", "\"bets\":3,\"logBets\":[]"),
        ("\"bets\":8", "\"bets\":-8"),
        ("\"stableEver\":[", "\"stableEver\":[-5,1],\"x\":["),
        ("\"stableEver\":[", "\"stableEver\":[9223372036854775807,9223372036854775807],\"x\":["),
        ("\"alpha\":", "\"alpha\":0,\"x\":"),
        ("\"evidence\":{", "\"evidence\":{},\"y\":{"),
        ("\"rows\":[", "\"rows\":[[1]],\"x\":["),
        ("\"step\":{", "\"blamed\":\"nobody\",\"step\":{"),
        ("\"step\":{", "\"blamed\":\"err_rel\",\"x\":{"),
    ])
    func `a checkpoint that no monitor wrote is refused`(original: String, forged: String) throws {
        var monitor = Monitor()
        _ = monitor.verdicts(try Run().ticks(3))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = try #require(String(bytes: encoder.encode(monitor), encoding: .utf8))
        let range = try #require(text.range(of: original))
        let data = Data(text.replacingCharacters(in: range, with: forged).utf8)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Monitor.self, from: data) }
    }
}
