import SequentialStatistics
import Testing

/// Whole runs: verdict, cause, mode and tick as in the reference.
@Suite struct MonitorVectorTests {
    /// The tick from which on a verdict holds.
    struct Change: Decodable, Equatable, CustomStringConvertible {
        let tick: Int
        let verdict: String
        let cause, mode: String?

        init(_ tick: Int, _ verdict: Verdict) {
            self.tick = tick
            self.verdict = verdict.name
            cause = verdict.cause
            mode = verdict.rollbackMode?.rawValue
        }

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            tick = try container.decode(Int.self)
            verdict = try container.decode(String.self)
            cause = try container.decode(String?.self)
            mode = try container.decode(String?.self)
        }

        func continues(_ other: Self) -> Bool {
            (verdict, cause, mode) == (other.verdict, other.cause, other.mode)
        }

        var description: String { "\(tick): \(verdict) \(cause ?? "-") \(mode ?? "-")" }
    }

    private struct Checkpoint: Decodable {
        let tick: Int
        let evidence, certificates: [String: Expected]

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            tick = try container.decode(Int.self)
            evidence = try container.decode([String: Expected].self)
            certificates = try container.decode([String: Expected].self)
        }
    }

    private struct Scenario: Decodable {
        let name: String
        let cfg: Configuration
        let ticks: [Tick]
        let changes: [Change]
        let checkpoints: [Checkpoint]
    }

    @Test func `every scenario takes the course of the reference`() throws {
        for scenario in try Vectors.read("monitor", as: [Scenario].self) {
            var monitor = Monitor(scenario.cfg)
            let judgements = scenario.ticks.map { monitor.observe($0) }
            var changes: [Change] = []
            for (index, judgement) in judgements.enumerated() {
                let change = Change(index, judgement.verdict)
                if changes.last?.continues(change) != true { changes.append(change) }
            }
            #expect(changes == scenario.changes, "\(scenario.name)")
            for checkpoint in scenario.checkpoints {
                let judgement = judgements[checkpoint.tick]
                let wrong = Self.wrong(judgement.evidence, checkpoint.evidence)
                #expect(wrong == nil, "\(scenario.name) at \(checkpoint.tick)")
                for (name, found) in [
                    ("err", judgement.certificates.errors), ("lat", judgement.certificates.latency),
                ] {
                    let expected = try #require(checkpoint.certificates[name])
                    #expect(expected.matches(found), "\(scenario.name) at \(checkpoint.tick), \(name)")
                }
            }
        }
    }

    /// The first metric whose evidence differs.
    private static func wrong(_ found: PerMetric<Double>, _ expected: [String: Expected]) -> String? {
        for metric in Metric.allCases where expected[metric.name]?.matches(found[metric]) != true {
            return
                "\(metric.name) is \(found[metric]), not \(String(describing: expected[metric.name]?.value))"
        }
        return nil
    }

    private struct Streams: Decodable {
        let schedule: [[Double]]
        let streams: [Stream]
    }

    private struct Stream: Decodable {
        struct Outcome: Decodable {
            let verdict: String
            let tick: Int
            let cause, mode: String?
            let first_promote: [String: Int]
            let hold_ticks: Int
            let ln: [String: Expected]
        }

        let scenario: String
        let rate: Int
        let ticks: [[Int]]
        let expect: Outcome

        func tick(_ index: Int, _ schedule: [[Double]]) throws -> Tick {
            let step = schedule.lastIndex { $0[0] <= Double(index) } ?? 0
            let row = ticks[index]
            return try Tick(
                start: Double(index),
                step: step,
                of: schedule.count,
                share: schedule[step][1],
                candidate: Tick.Arm(requests: row[0], errors: row[1], slow: row[2], verySlow: row[3]),
                stable: Tick.Arm(requests: row[4], errors: row[5], slow: row[6])
            )
        }
    }

    @Test func `every random run ends at the tick and for the reason of the reference`() throws {
        let vectors = try Vectors.read("streams", as: Streams.self)
        #expect(vectors.streams.count > 50)
        for (number, stream) in vectors.streams.enumerated() {
            var monitor = Monitor()
            var last: (tick: Int, judgement: Judgement)?
            var promotions: [String: Int] = [:]
            var holds = 0
            for index in stream.ticks.indices {
                let tick = try stream.tick(index, vectors.schedule)
                let judgement = monitor.observe(tick)
                last = (index, judgement)
                if case .promote = judgement.verdict, promotions["\(tick.step)"] == nil {
                    promotions["\(tick.step)"] = index
                }
                if case .hold = judgement.verdict { holds += 1 }
                if case .rollBack = judgement.verdict { break }
            }
            let (tick, judgement) = try #require(last)
            let expected = stream.expect
            let what = "run \(number), \(stream.scenario) at \(stream.rate)/s"
            #expect(tick == expected.tick, "\(what)")
            let isRollback = judgement.verdict.rollbackMode != nil
            #expect((isRollback ? "ROLLBACK" : "COMPLETE") == expected.verdict, "\(what)")
            if isRollback { #expect(judgement.verdict.cause == expected.cause, "\(what)") }
            #expect(judgement.verdict.rollbackMode?.rawValue == expected.mode, "\(what)")
            #expect(promotions == expected.first_promote, "\(what)")
            #expect(holds == expected.hold_ticks, "\(what)")
            let wrong = Self.wrong(judgement.evidence, expected.ln)
            #expect(wrong == nil, "\(what)")
        }
    }
}
