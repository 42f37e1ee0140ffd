import DeployCore
import DeployPorts
import Synchronization

/// Counts what the runs of this process did since it began, for a monitoring system.
package final class RunMetrics: Sendable {
    /// How long something took, over all times that it was seen.
    package struct Times: Sendable {
        package var count = 0
        package var milliseconds: Int64 = 0
    }

    package struct Key: Hashable, Comparable, Sendable {
        package let service: String
        /// A phase or an outcome.
        package let name: String

        package static func < (left: Self, right: Self) -> Bool {
            (left.service, left.name) < (right.service, right.name)
        }
    }

    package struct Counts: Sendable {
        package var outcomes: [Key: Int] = [:]
        package var phases: [Key: Times] = [:]
        /// From the decision to go back until the balancers confirmed it.
        package var rollbacks: [Key: Times] = [:]
        fileprivate var phaseStarts: [RunID: Timestamp] = [:]
        fileprivate var returnStarts: [RunID: Timestamp] = [:]
    }

    private let counts = Mutex(Counts())

    package init() {}

    package var snapshot: Counts { counts.withLock { $0 } }

    func recorded(_ run: RunID, _ now: Timestamp, before: RunState?, after: RunState) {
        counts.withLock { $0.take(run, now, before, after) }
    }
}

extension RunMetrics.Counts {
    fileprivate mutating func take(_ run: RunID, _ now: Timestamp, _ before: RunState?, _ after: RunState) {
        let service = after.plan.service
        if before?.phase != after.phase {
            if let phase = before?.phase, let start = phaseStarts.removeValue(forKey: run) {
                phases[RunMetrics.Key(service: service, name: phase.rawValue), default: .init()].add(
                    start,
                    now
                )
            }
            if after.phase != nil { phaseStarts[run] = now }
        }
        if before?.isReturning != true, after.isReturning { returnStarts[run] = now }
        if after.confirmed.isNone, let start = returnStarts.removeValue(forKey: run) {
            rollbacks[RunMetrics.Key(service: service, name: "rollback"), default: .init()].add(start, now)
        }
        if before?.isSettled == false, after.isSettled {
            outcomes[RunMetrics.Key(service: service, name: after.condition.rawValue), default: 0] += 1
            phaseStarts[run] = nil
            returnStarts[run] = nil
        }
    }
}

extension RunMetrics.Times {
    fileprivate mutating func add(_ start: Timestamp, _ end: Timestamp) {
        count += 1
        milliseconds += max(0, end.since(start).milliseconds)
    }
}

extension RunState {
    fileprivate var isReturning: Bool {
        if case .returning = stage { true } else { false }
    }
}
