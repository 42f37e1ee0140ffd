import SequentialStatistics

/// Traffic that is the same every time: what is even in the mean comes in a fixed pattern.
struct Run {
    var steps = 4
    var share = 0.1
    /// Requests in a tick.
    var rate = 200
    /// By the number of the tick.
    var candidateErrors: (Int) -> Int = { $0 % 40 == 7 ? 1 : 0 }
    var stableErrors: (Int) -> Int = { $0 % 5 == 3 ? 1 : 0 }
    var candidateSlow = 1
    var candidateVerySlow = 0

    /// `start` is that of the first tick.
    func ticks(_ count: Int, from start: Double = 0, step: Int = 0) throws -> [Tick] {
        let candidate = Int(Double(rate) * share)
        return try (0..<count).map { index in
            try Tick(
                start: start + Double(index),
                step: step,
                of: steps,
                share: share,
                candidate: Tick.Arm(
                    requests: candidate,
                    errors: candidateErrors(index),
                    slow: candidateSlow,
                    verySlow: candidateVerySlow
                ),
                stable: Tick.Arm(
                    requests: rate - candidate,
                    errors: stableErrors(index),
                    slow: (rate - candidate) / 20
                )
            )
        }
    }
}

extension Monitor {
    /// The verdicts of all ticks.
    mutating func verdicts(_ ticks: [Tick]) -> [Verdict] { ticks.map { observe($0).verdict } }
}
