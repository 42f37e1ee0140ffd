import Testing
import TrafficJudgement

@Suite struct LatencyHistogramTests {
    @Test(arguments: [0.1, 0.13, 1, 3.7, 12, 99, 250, 1000, 59_999])
    func `a duration comes back at most 2.1 % off`(milliseconds: Double) throws {
        var histogram = LatencyHistogram()
        histogram.add(milliseconds: milliseconds)
        let found = try #require(histogram.percentile(0.5))
        #expect(abs(found - milliseconds) / milliseconds <= 0.0209)
    }

    @Test(arguments: [(0.5, 500.0), (0.95, 950), (0.99, 990), (0, 1), (1, 1000)])
    func `percentiles of 1 to 1000 ms`(share: Double, expected: Double) throws {
        var histogram = LatencyHistogram()
        for value in 1...1000 { histogram.add(milliseconds: Double(value)) }
        let found = try #require(histogram.percentile(share))
        #expect(abs(found - expected) / expected <= 0.022)
    }

    @Test func `an empty histogram has no percentile`() {
        #expect(LatencyHistogram().percentile(0.95) == nil)
        #expect(LatencyHistogram().isEmpty)
    }

    @Test func `what is no duration is left out`() {
        var histogram = LatencyHistogram()
        for value in [Double.nan, .infinity, -.infinity, -1] { histogram.add(milliseconds: value) }
        #expect(histogram == LatencyHistogram())
    }

    @Test func `durations beyond the scale stay in the last bucket`() throws {
        var histogram = LatencyHistogram()
        histogram.add(milliseconds: 1e300)
        histogram.add(milliseconds: 0)
        #expect(histogram.count == 2)
        #expect(try #require(histogram.percentile(1)) > 1_000_000)
        #expect(try #require(histogram.percentile(0)) < 0.1)
    }

    @Test func `histograms add up to what one histogram would hold, in any order`() {
        let values = (0..<500).map { Double(($0 * 7919) % 3001) / 3 }
        var whole = LatencyHistogram()
        var parts = [LatencyHistogram](repeating: LatencyHistogram(), count: 4)
        for (index, value) in values.enumerated() {
            whole.add(milliseconds: value)
            parts[index % 4].add(milliseconds: value)
        }
        var forward = LatencyHistogram()
        var backward = LatencyHistogram()
        for part in parts { forward += part }
        for part in parts.reversed() { backward += part }
        #expect(forward == whole)
        #expect(backward == whole)
    }
}
