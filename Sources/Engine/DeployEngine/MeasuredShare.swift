package import DeployCore
import TrafficJudgement

/// The candidate's share of the requests of one watch beside the share that was asked for.
///
/// Weights promise a share only with round robin, and a balancer takes servers out that it holds to be ill:
/// what the users got is what was counted.
package struct MeasuredShare: Hashable, Sendable {
    package let asked: Exposure
    /// Of both environments.
    package private(set) var requests = 0
    package private(set) var candidateRequests = 0
    private var isRemarked = false

    /// Fewer requests say nothing of a share.
    private static let needed = 500
    /// Smaller differences, in parts of all requests, are nobody's fault.
    private static let tolerance = 0.02
    /// Standard deviations that chance alone does not explain.
    private static let deviations = 4.0

    package init(asked: Exposure) { self.asked = asked }

    mutating func add(_ tick: TrafficTick) {
        guard case .measured(let stable, let candidate) = tick.traffic else { return }
        add(candidate: candidate.requests, of: stable.requests + candidate.requests)
    }

    package mutating func add(candidate: Int, of all: Int) {
        candidateRequests += candidate
        requests += all
    }

    /// 0 through 1; `nil` without requests.
    package var measured: Double? { requests > 0 ? Double(candidateRequests) / Double(requests) : nil }

    /// `asked 25 %, measured 24.8 % of 1,204 requests`; `nil` without requests.
    package var text: String? {
        measured.map { "asked \(asked), measured \(Self.percent($0)) of \(Self.count(requests)) requests" }
    }

    /// ``text`` at the end of a line.
    var suffix: String { text.map { "; \($0)" } ?? "" }

    /// For programs: in percent.
    var facts: [String: String] {
        var facts = ["candidate.share_asked": "\(asked.share)"]
        if let measured { facts["candidate.share_measured"] = Self.number(measured) }
        return facts
    }

    /// Whether the balancer does not divide as it was asked to, beyond what chance explains.
    ///
    /// How much chosen users add is not known, so nothing is said while there are some; nothing and all are
    /// not a matter of chance.
    package var isOff: Bool {
        guard let measured, requests >= Self.needed, !asked.hasChosenUsers else { return false }
        let share = asked.share.value / 100
        guard share > 0, share < 1 else { return false }
        let difference = (measured - share).magnitude
        let deviation = (share * (1 - share) / Double(requests)).squareRoot()
        return difference > Self.tolerance && difference > Self.deviations * deviation
    }

    /// What a person should know of a share that is off; told once in a watch.
    mutating func takeRemark(_ candidate: EnvironmentName) -> String? {
        guard !isRemarked, isOff, let text else { return nil }
        isRemarked = true
        return "\(candidate): \(text): does the balancer follow weights?"
            + " (least_conn, ip_hash, sticky users and failing health checks do not)"
    }

    // MARK: numbers as people read them

    private static func percent(_ part: Double) -> String { "\(number(part)) %" }

    private static func number(_ part: Double) -> String {
        let tenths = Int((part * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func count(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
