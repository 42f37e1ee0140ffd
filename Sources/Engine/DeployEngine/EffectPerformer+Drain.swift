import DeployCore
import DeployPorts

extension EffectPerformer {
    /// How often connections are counted while draining.
    private static let drainTick = Span.seconds(1)
    /// How long connections that a balancer closes take to be gone from the count.
    private static let closingTime = Span.seconds(5)

    /// Waits for the stable environment's connections to end, and has the rest closed where the plan says
    /// so.
    func drain(until end: Timestamp) async -> RunEvent.Kind.Outcome {
        var course = DrainCourse(began: clock.now())
        do throws(DrainStopped) {
            if try await count(down: &course, until: end) { return ended(course, closed: nil) }
            guard closesRest else { return left(course, "left open: \(course.last)") }
            guard stableIsIdle else {
                return left(course, "left open: \(course.last), because \(plan.stable) still gets requests")
            }
            let closing = await fleet.closeConnections(to: plan.stable)
            tell(closing)
            let until = clock.now().advanced(by: Self.closingTime)
            if closing.count > 0, try await count(down: &course, until: until) {
                return ended(course, closed: closing)
            }
            return left(course, closing.text(left: course.last))
        } catch {
            return .failed(reason: error.reason)
        }
    }

    private var closesRest: Bool {
        plan.phases.contains { if case .drain(let phase) = $0 { phase.closesRest == true } else { false } }
    }

    /// Counts once a second; returns whether it came to nothing before `end`.
    private func count(
        down course: inout DrainCourse,
        until end: Timestamp
    ) async throws(DrainStopped) -> Bool {
        while true {
            let count = try await connections()
            if course.add(count, at: clock.now()) {
                observer.draining(connections: count)
                if count == 0, !course.hadAny { return true }
                let text = "\(count) connections to \(plan.stable)"
                note(Note(topic: "drain", text: text, facts: ["connections": "\(count)"]))
            }
            if count == 0 { return true }
            let rest = end.since(clock.now())
            guard rest > .zero else { return false }
            do { try await clock.sleep(for: min(Self.drainTick, rest)) } catch {
                throw DrainStopped(reason: "stopped")
            }
        }
    }

    private func ended(_ course: DrainCourse, closed: BalancerFleet.Closing?) -> RunEvent.Kind.Outcome {
        let closing = closed.map { "; \($0.count) closed by the balancer" } ?? ""
        let text =
            course.hadAny
            ? "connections to \(plan.stable): \(course.text)" : "no connections to \(plan.stable)"
        return .succeeded(captures: [:], summary: text + closing + fleet.roll.suffix)
    }

    private func left(_ course: DrainCourse, _ what: String) -> RunEvent.Kind.Outcome {
        .failed(
            reason:
                "\(plan.stable) still has \(course.last) connections: \(course.text); \(what)\(fleet.roll.suffix)"
        )
    }

    private func tell(_ closing: BalancerFleet.Closing) {
        let text = "closed \(closing.count) connections to \(plan.stable)"
        let lines = [text] + closing.failed + closing.unable.map { "\($0) cannot close connections" }
        let facts = ["closed": "\(closing.count)"]
        note(Note(topic: "drain", text: lines.joined(separator: "\n"), facts: facts))
    }

    private struct DrainStopped: Error {
        let reason: String
    }

    /// The stable environment's, as the application tells them or as the balancers count them.
    private func connections() async throws(DrainStopped) -> Int {
        guard let connectionsGauge else {
            do throws(BalancerFleet.Failure) {
                return try await fleet.connections(to: plan.stable)
            } catch {
                throw DrainStopped(reason: "connections could not be counted: \(error.reason)")
            }
        }
        do throws(MetricsError) {
            let value = try await connectionsGauge.read()
            guard value >= 0, value < 1e9 else { throw .noEvidence("\(value) is no number of connections") }
            return Int(value.rounded(.up))
        } catch {
            throw DrainStopped(
                reason: "connections could not be counted: \(connectionsGauge.name): \(error.reason)"
            )
        }
    }
}

/// How the count went while draining.
private struct DrainCourse {
    private let began: Timestamp
    private var ended: Timestamp
    /// Without repetitions.
    private var counts: [Int] = []

    /// So many counts are told: the first, the last, and some between.
    private static let told = 6

    init(began: Timestamp) { (self.began, ended) = (began, began) }

    var last: Int { counts.last ?? 0 }
    var hadAny: Bool { counts != [0] }

    /// Returns whether `count` is news.
    mutating func add(_ count: Int, at time: Timestamp) -> Bool {
        ended = time
        guard count != counts.last else { return false }
        counts.append(count)
        return true
    }

    /// `247 → 156 → 3 → 0 in 12s`.
    var text: String {
        var shown = counts
        if counts.count > Self.told {
            let step = Double(counts.count - 1) / Double(Self.told - 1)
            shown = (0..<Self.told).map { counts[Int((Double($0) * step).rounded())] }
        }
        let seconds = Span.seconds((ended.since(began).milliseconds + 500) / 1000)
        return "\(shown.map { "\($0)" }.joined(separator: " → ")) in \(seconds)"
    }
}

extension BalancerFleet.Closing {
    /// What was closed, and why not all.
    fileprivate func text(left: Int) -> String {
        var parts = ["left open: \(left)"]
        if count > 0 { parts.insert("\(count) closed by the balancer", at: 0) }
        parts += failed
        if !unable.isEmpty { parts.append("\(unable.joined(separator: ", ")) cannot close connections") }
        return parts.joined(separator: "; ")
    }
}
