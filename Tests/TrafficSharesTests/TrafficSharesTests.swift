import DeployCore
import Testing

@testable import TrafficShares

/// Every list of 1 through `most` weights out of `values`, up to order.
private func sides(upTo most: Int, of values: [Int]) -> [[Int]] {
    guard most > 0 else { return [] }
    var found: [[Int]] = []
    func extend(_ side: [Int], from first: Int) {
        if !side.isEmpty { found.append(side) }
        guard side.count < most else { return }
        for index in first..<values.count { extend(side + [values[index]], from: index) }
    }
    extend([], from: 0)
    return found
}

private func percent(_ tenths: Int) throws -> Percent { try #require(Percent(tenths: tenths)) }

/// Whether `weights` is `ratio` taken a whole number of times.
private func keepsRatio(_ weights: [Int], _ ratio: [Int]) -> Bool {
    zip(weights, ratio).allSatisfy { $0 * ratio[0] == $1 * weights[0] } && weights.count == ratio.count
}

struct NginxWeightsTests {
    @Test func `every share of every small pair of sides is exact, in the smallest integers`() throws {
        let all = sides(upTo: 4, of: [1, 2])
        var wrong: [String] = []
        for stable in all {
            for candidate in all + [[3], [3, 5], [2, 4, 6], [7, 7, 7, 9]] {
                for tenths in 0...1000 {
                    let share = try percent(tenths)
                    let split = try TrafficShares.nginxWeights(
                        stable: stable,
                        candidate: candidate,
                        share: share
                    )
                    if !isRight(split, stable, candidate, tenths) {
                        wrong.append("\(stable) \(candidate) \(tenths)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    private func isRight(_ split: WeightSplit, _ stable: [Int], _ candidate: [Int], _ tenths: Int) -> Bool {
        let (left, right) = (split.stable ?? [], split.candidate ?? [])
        guard (split.stable == nil) == (tenths == 1000), (split.candidate == nil) == (tenths == 0) else {
            return false
        }
        guard (left + right).allSatisfy({ (1...TrafficShares.largestWeight).contains($0) }) else {
            return false
        }
        guard left.isEmpty || keepsRatio(left, stable), right.isEmpty || keepsRatio(right, candidate) else {
            return false
        }
        let (a, b) = (left.reduce(0, +), right.reduce(0, +))
        // Nothing smaller: the multipliers of the two sides have no common factor.
        let leftTimes = left.reduce(0, greatestCommonDivisor)
        let rightTimes = right.reduce(0, greatestCommonDivisor)
        return b * 1000 == tenths * (a + b) && greatestCommonDivisor(leftTimes, rightTimes) == 1
            && split.achieved.candidateWeight == b && split.achieved.totalWeight == a + b
    }

    @Test func `a whole share is the side without its common factor, the other gets nothing`() throws {
        let full = try TrafficShares.nginxWeights(stable: [], candidate: [10, 20], share: .full)
        #expect(full.stable == nil)
        #expect(full.candidate == [1, 2])
        #expect(full.achieved.percent == .full)
        let none = try TrafficShares.nginxWeights(stable: [6, 3], candidate: [], share: .zero)
        #expect(none.stable == [2, 1])
        #expect(none.candidate == nil)
        #expect(none.achieved.percent == .zero)
    }

    @Test func `weights beyond the limit become the nearest below it`() throws {
        let split = try TrafficShares.nginxWeights(
            stable: [99_991, 1],
            candidate: [99_989, 2],
            share: percent(333)
        )
        let weights = (split.stable ?? []) + (split.candidate ?? [])
        #expect(weights.allSatisfy { (1...TrafficShares.largestWeight).contains($0) })
        #expect(abs(split.achieved.value - 33.3) <= 0.1)
        #expect(keepsRatio(try #require(split.stable), [99_991, 1]))
        #expect(keepsRatio(try #require(split.candidate), [99_989, 2]))
    }

    @Test func `what cannot be reached is refused`() throws {
        let half = try percent(500)
        func refusal(_ stable: [Int], _ candidate: [Int], _ share: Percent) -> TrafficSharesError? {
            #expect(throws: TrafficSharesError.self) {
                try TrafficShares.nginxWeights(stable: stable, candidate: candidate, share: share)
            }
        }
        #expect(refusal([], [1], half) == .noServers(.stable))
        #expect(refusal([1], [], half) == .noServers(.candidate))
        #expect(refusal([1], [0], half) == .invalidWeight(0, .candidate))
        #expect(refusal([.max], [1], half) == .invalidWeight(.max, .stable))
        #expect(refusal(Array(repeating: 1, count: 10_001), [1], half) == .tooManyServers(.stable))
        let nearest = CandidateShare(candidateWeight: 1_999_999, totalWeight: 2_999_999)
        let least = try percent(1)
        #expect(refusal([1_000_000], [1_000_000, 999_999], least) == .unreachable(nearest: nearest))
    }
}

struct HAProxyWeightsTests {
    @Test func `no pair of multipliers comes nearer, and none as near is smaller`() throws {
        let all = sides(upTo: 2, of: [1, 2, 5]) + [[1, 1, 1], [1, 1, 1, 1], [1, 2, 3, 4]]
        var wrong: [String] = []
        for (left, stable) in all.enumerated() {
            for (right, candidate) in all.enumerated() where (left + right) % 2 == 0 {
                for tenths in stride(from: 1 + (left * 7 + right) % 97, to: 1000, by: 241) {
                    let share = try percent(tenths)
                    let split = try TrafficShares.haproxyWeights(
                        stable: stable,
                        candidate: candidate,
                        share: share
                    )
                    if !isBest(split, stable, candidate, tenths) {
                        wrong.append("\(stable) \(candidate) \(tenths)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(5))")
    }

    /// Tries every pair there is.
    private func isBest(_ split: WeightSplit, _ stable: [Int], _ candidate: [Int], _ tenths: Int) -> Bool {
        guard let left = split.stable, let right = split.candidate else { return false }
        guard (left + right).allSatisfy({ (1...256).contains($0) }) else { return false }
        guard keepsRatio(left, stable), keepsRatio(right, candidate) else { return false }
        let reducedLeft = stable.map { $0 / stable.reduce(0, greatestCommonDivisor) }
        let reducedRight = candidate.map { $0 / candidate.reduce(0, greatestCommonDivisor) }
        let (leftSum, rightSum) = (reducedLeft.reduce(0, +), reducedRight.reduce(0, +))
        let part = right.reduce(0, +)
        let whole = part + left.reduce(0, +)
        let miss = abs(1000 * part - tenths * whole)
        for a in 1...(256 / (reducedLeft.max() ?? 1)) {
            for b in 1...(256 / (reducedRight.max() ?? 1)) {
                let otherWhole = a * leftSum + b * rightSum
                let otherMiss = abs(1000 * b * rightSum - tenths * otherWhole)
                if otherMiss * whole < miss * otherWhole { return false }
                if otherMiss * whole == miss * otherWhole, otherWhole < whole { return false }
            }
        }
        return true
    }

    @Test func `even sides come within a quarter point from 2 through 98 percent`() throws {
        var worst = 0.0
        for stable in 1...4 {
            for candidate in 1...4 {
                for tenths in stride(from: 20, through: 980, by: 5) {
                    let split = try TrafficShares.haproxyWeights(
                        stable: Array(repeating: 3, count: stable),
                        candidate: Array(repeating: 7, count: candidate),
                        share: percent(tenths)
                    )
                    worst = max(worst, abs(split.achieved.value - Double(tenths) / 10))
                }
            }
        }
        #expect(worst <= 0.25)
    }

    @Test func `the least share is never 0, and its true size is told`() throws {
        let split = try TrafficShares.haproxyWeights(stable: [100], candidate: [1], share: percent(1))
        #expect(split.stable == [256])
        #expect(split.candidate == [1])
        #expect(split.achieved.percent.tenths == 4)
    }

    @Test func `a side whose ratio does not fit into 256 is refused`() throws {
        let share = try percent(500)
        #expect(throws: TrafficSharesError.tooUneven(.candidate)) {
            try TrafficShares.haproxyWeights(stable: [1], candidate: [257, 1], share: share)
        }
    }
}

struct ShareOfCandidateTests {
    @Test(arguments: [
        ([3], [1], 250), ([1, 1, 1], [1], 250), ([0, 0], [5], 1000), ([5], [0], 0), ([999_999], [1], 1),
        ([1], [999_999], 999), ([2], [1], 333),
    ])
    func `the share is counted from the weights, and is whole only when it is whole`(
        stable: [Int],
        candidate: [Int],
        tenths: Int
    ) throws {
        let share = try #require(
            TrafficShares.shareOfCandidate(stableWeights: stable, candidateWeights: candidate)
        )
        #expect(share.percent.tenths == tenths)
        #expect(abs(share.value - Double(tenths) / 10) < 0.1)
    }

    @Test func `weights that make no share have none`() {
        #expect(TrafficShares.shareOfCandidate(stableWeights: [0], candidateWeights: [0]) == nil)
        #expect(TrafficShares.shareOfCandidate(stableWeights: [], candidateWeights: []) == nil)
        #expect(TrafficShares.shareOfCandidate(stableWeights: [-1], candidateWeights: [3]) == nil)
        #expect(TrafficShares.shareOfCandidate(stableWeights: [.max], candidateWeights: [1]) == nil)
    }
}
