package import HTTPClient

/// What to ask, how often and for how long.
///
/// The time goes `ramp`, `warmUp`, `length`; only requests that were due within the last are counted.
package struct LoadPlan: Sendable {
    package enum Pace: Hashable, Sendable {
        /// So many connections, each of which asks again as soon as it was answered (a closed loop).
        case users(Int)
        /// A fixed timetable, whatever the answers do; a request's time begins when it was due (an open loop).
        case rate(perSecond: Double)
    }

    /// One of the things that are asked for, by GET.
    package struct Request: Hashable, Sendable {
        /// With the query.
        package let path: String
        /// How often it is asked for, in relation to the others.
        package let weight: Int

        package init(path: String, weight: Int) {
            self.path = path
            self.weight = weight
        }
    }

    package var target: ConnectionTarget
    /// The value of `Host`.
    package var host: String
    package var requests: [Request]
    package var headers: [HTTPHeader] = []
    package var pace: Pace
    /// Users or the rate rise evenly, from nothing to all.
    package var ramp = Duration.zero
    package var warmUp = Duration.zero
    package var length: Duration
    /// For each request, its connection included.
    package var within = Duration.seconds(10)
    /// How many connections a timetable may have open.
    package var connectionLimit = 500
    /// Descriptors that others need while the load goes on.
    package var otherDescriptors = 64
    package var threads = 2

    package init(
        target: ConnectionTarget,
        host: String,
        requests: [Request],
        pace: Pace,
        length: Duration
    ) {
        self.target = target
        self.host = host
        self.requests = requests
        self.pace = pace
        self.length = length
    }

    /// What comes before the first request that is counted.
    package var lead: Duration { ramp + warmUp }

    package var connections: Int {
        if case .users(let count) = pace { count } else { connectionLimit }
    }

    /// Why it cannot be carried out; `nil` when it can.
    var complaint: String? {
        let isClean = { (text: String) in
            !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        guard isClean(host), !requests.isEmpty,
            requests.allSatisfy({ $0.path.hasPrefix("/") && isClean($0.path) && $0.weight > 0 })
        else { return "an address has a blank, a control character or one beyond ASCII in it" }
        guard (1...65535).contains(target.port) else { return "there is no port \(target.port)" }
        return headers.lazy.compactMap(\.complaint).first
    }

    /// The numbers of ``requests`` in the order in which they are asked for, again and again: each as often as its
    /// weight, evenly mixed.
    var order: [Int] {
        let divisor = requests.reduce(0) { Self.commonDivisor($0, $1.weight) }
        let weights = requests.map { $0.weight / max(1, divisor) }
        let sum = weights.reduce(0, +)
        var credit = [Int](repeating: 0, count: weights.count)
        return (0..<sum).map { _ in
            for index in weights.indices { credit[index] += weights[index] }
            let chosen = credit.indices.max { credit[$0] < credit[$1] } ?? 0
            credit[chosen] -= sum
            return chosen
        }
    }

    private static func commonDivisor(_ left: Int, _ right: Int) -> Int {
        right == 0 ? left : commonDivisor(right, left % right)
    }
}
