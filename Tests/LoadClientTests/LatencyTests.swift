import Testing

@testable import LoadClient

@Suite struct LatencyTests {
    @Test func `percentiles are exact to a thousandth`() throws {
        var record = LatencyRecord()
        #expect(record.percentile(50) == nil)
        for number in 1...10_000 { record.add(microseconds: UInt64(number) * 100) }
        for percent in [50.0, 95, 99] {
            let found = try #require(record.percentile(percent)).nanoseconds
            #expect(abs(Double(found) / (percent * 10_000_000) - 1) < 0.001)
        }
        #expect(record.count(above: .milliseconds(500)).distance(to: 5000).magnitude < 10)
        #expect(record.count(above: .seconds(4000)) == 0)
    }

    @Test func `a user that waited long is given the requests that it left out`() throws {
        var record = LatencyRecord()
        record.add(microseconds: 10_000, count: 99)
        record.add(microseconds: 1_000_000)
        #expect(try #require(record.percentile(95)) < .milliseconds(11))
        let corrected = record.corrected
        // 990, 980, … 10 ms.
        #expect((198...199).contains(corrected.count))
        #expect(try #require(corrected.percentile(95)) > .milliseconds(850))
        #expect(LatencyRecord().corrected.count == 0)
    }

    @Test func `the slowest that is told is five minutes, and the correction of it ends`() throws {
        var record = LatencyRecord()
        record.add(microseconds: 10, count: 1_000_000)
        record.add(microseconds: .max, count: 3)
        #expect(try #require(record.longest) >= .seconds(300))
        #expect((1_890_000...1_910_000).contains(record.corrected.count))
    }

    @Test func `a timetable keeps its rate, and rises evenly before`() {
        let flat = Timetable(perSecond: 200, ramp: .zero)
        #expect((0..<4).map { flat.due($0) } == [0, 5_000_000, 10_000_000, 15_000_000])
        let rising = Timetable(perSecond: 200, ramp: .seconds(10))
        #expect(rising.due(1000) == 10_000_000_000)
        #expect(rising.due(250) == 5_000_000_000)
        #expect(rising.due(1200) == 11_000_000_000)
    }

    @Test func `paths are mixed evenly`() {
        var plan = LoadBench.plan(1)
        plan.requests = [("/", 30), ("/b", 10), ("/c", 20)].map { LoadPlan.Request(path: $0, weight: $1) }
        #expect(plan.order.count == 6)
        #expect((0..<3).map { path in plan.order.count { $0 == path } } == [3, 1, 2])
        #expect(zip(plan.order, plan.order.dropFirst()).allSatisfy { $0 != $1 })
    }
}
