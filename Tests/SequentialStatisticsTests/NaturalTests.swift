import Foundation
import Testing

@testable import SequentialStatistics

@Suite struct NaturalTests {
    /// Relative, four units in the last place.
    private static let precision = 1e-15

    private static func isClose(_ found: Double, _ expected: Double) -> Bool {
        found == expected || (found - expected).magnitude <= precision * expected.magnitude
    }

    @Test func `the logarithm is that of the C library over the whole range`() {
        var value = Double.leastNonzeroMagnitude
        while value < .greatestFiniteMagnitude / 1.01 {
            #expect(Self.isClose(Natural.log(value), log(value)), "ln \(value)")
            value *= value < 1e-300 ? 1.9 : 1.0173
        }
        #expect(Natural.log(1) == 0)
        #expect(Natural.log(0) == -.infinity)
        #expect(Natural.log(-1).isNaN)
        #expect(Natural.log(.infinity) == .infinity)
    }

    @Test func `near 1 the logarithm keeps its digits`() {
        for step in -4000...4000 {
            let x = Double(step) / 4001 * 0.9999
            #expect(Self.isClose(Natural.log1p(x), log1p(x)), "ln(1 + \(x))")
            #expect(Self.isClose(Natural.log1p(x * 1e-9), log1p(x * 1e-9)), "ln(1 + \(x)e-9)")
            #expect(Self.isClose(Natural.log(1 + x / 1000), log(1 + x / 1000)), "ln \(1 + x / 1000)")
        }
        #expect(Natural.log1p(-1) == -.infinity)
        #expect(Natural.log1p(1e300) == log1p(1e300))
        #expect(Natural.log1p(.infinity) == .infinity)
    }

    @Test func `the exponential is that of the C library over the whole range`() {
        for step in -20_000...20_000 {
            let x = Double(step) / 20_000 * 709
            #expect(Self.isClose(Natural.exp(x), exp(x)), "e to \(x)")
        }
        #expect(Natural.exp(0) == 1)
        #expect(Natural.exp(-800) == 0)
        #expect(Natural.exp(800) == .infinity)
        #expect(Natural.exp(-.infinity) == 0)
    }

    @Test func `a sum of evidence stays finite where its terms do not`() {
        #expect(Natural.logOfSum(-.infinity, -.infinity) == -.infinity)
        #expect(Natural.logOfSum(-.infinity, 3) == 3)
        #expect(Natural.logOfSum(1e9, 0) == 1e9)
        #expect(Self.isClose(Natural.logOfSum(1000, 1000), 1000 + log(2)))
    }
}
