package import DeployCore
package import DeployPorts
import Synchronization

/// A balancer in memory that keeps the promises of ``LoadBalancerContract``, and breaks down as it is told
/// to.
///
/// It has a split in force, a file, a mark and a fence. Calls that no engine may make, such as a commit of
/// what was never staged, change nothing, fail, and are kept in ``violations``.
package final class FakeBalancer: LoadBalancer {
    package enum Call: Hashable, Sendable {
        case observe, inspect, stage, commit, raiseMark, restore, connections, closeConnections
    }

    package enum Fault: Hashable, Sendable {
        /// At any call. Nothing is changed.
        case unreachable
        /// At stage.
        case rejects
        /// At commit: the split before is in force again.
        case notInForce
        /// At commit: it says yes, and goes on as before.
        case ignores
        /// At commit: it is not told whether it took effect.
        case unknown(takesEffect: Bool)
        /// At stage and commit: somebody else has edited the file. Nothing is changed.
        case drifted
        /// At stage and commit: no answer until the caller's task is cancelled. Nothing is changed.
        case hangs
    }

    struct State {
        var inForce: Split
        var file: Split
        var fileBeforeStage: Split
        var mark = BalancerMark.none
        var staged: StagedSplit?
        var stagedIsReturn = false
        var lastWriter = FencingToken.zero
        var faults: [Call: (fault: Fault, times: Int)] = [:]
        var connections: [EnvironmentName: [Int]] = [:]
        var canClose = false
        var isAway = false
        var remarks: [String] = []
        var calls: [Call] = []
        var splits: [Split] = []
        var violations: [String] = []
    }

    /// What balancers of one file share: one process that makes two changes in it at a time is a violation.
    package final class Place: Sendable {
        private let holders = Mutex<[FencingToken]>([])

        package init() {}

        /// Returns whether `token` is not at work here already.
        func enter(_ token: FencingToken) -> Bool {
            holders.withLock { holders in
                defer { holders.append(token) }
                return !holders.contains(token)
            }
        }

        func leave(_ token: FencingToken) {
            holders.withLock { holders in
                _ = holders.firstIndex(of: token).map { holders.remove(at: $0) }
            }
        }
    }

    package let name: String
    package let method = "in memory"
    let place: Place
    let clock: any Timekeeper
    let commitLength: Span
    let state: Mutex<State>

    /// All traffic is on `stable`.
    ///
    /// A commit takes `commitLength` and is fenced at its end.
    package init(
        _ name: String = "fake one.conf",
        stable: EnvironmentName,
        candidate: EnvironmentName,
        clock: any Timekeeper,
        commitLength: Span = .milliseconds(20),
        place: Place = Place()
    ) {
        self.name = name
        self.place = place
        self.clock = clock
        self.commitLength = commitLength
        let split = Split(candidate, .zero, other: stable)
        state = Mutex(State(inForce: split, file: split, fileBeforeStage: split))
    }

    // MARK: by hand

    /// Lets the next `times` of `call` fail.
    package func fail(_ call: Call, with fault: Fault, times: Int = .max) {
        state.withLock { $0.faults[call] = (fault, times) }
    }

    /// Lets `call` work again.
    package func mend(_ call: Call) { state.withLock { $0.faults[call] = nil } }

    /// What ``connections(to:)`` tells, one at a time; the last one stays.
    ///
    /// Without it there are none.
    package func setConnections(_ counts: [Int], to environment: EnvironmentName) {
        state.withLock { $0.connections[environment] = counts }
    }

    /// Whether ``closeConnections(to:)`` closes what there is; without it, none are.
    package func setCanClose(_ canClose: Bool) { state.withLock { $0.canClose = canClose } }

    /// Lets every call fail, as when the host is down, until it is back.
    package func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    /// As when somebody else reloads the balancer: `split` is in force, unasked.
    package func disturb(_ split: Split) { state.withLock { ($0.inForce, $0.file) = (split, split) } }

    /// As when the host is built anew: `split` is in force, and nothing is left beside the balancer.
    package func rebuild(_ split: Split) {
        state.withLock { state in
            (state.inForce, state.file) = (split, split)
            (state.mark, state.lastWriter) = (.none, .zero)
        }
    }

    /// What ``observe()`` remarks from now on.
    package func setRemarks(_ remarks: [String]) { state.withLock { $0.remarks = remarks } }

    package var split: Split { state.withLock { $0.inForce } }
    package var fileSplit: Split { state.withLock { $0.file } }
    package var file: [UInt8] { Self.text(fileSplit) }
    /// The mark, whatever is broken.
    package var keptMark: BalancerMark { state.withLock { $0.mark } }
    /// Every split that came into force, in order, without the first.
    package var splits: [Split] { state.withLock { $0.splits } }
    /// Every call so far, but for ``mark()`` and ``render(_:)``.
    package var calls: [Call] { state.withLock { $0.calls } }
    /// Calls that no engine may make.
    package var violations: [String] { state.withLock { $0.violations } }

    static func text(_ split: Split) -> [UInt8] { Array("\(split)\n".utf8) }

    // MARK: reading

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        try await begin(.observe)
        return observation
    }

    package func inspect() async throws(LoadBalancerError) {
        try await begin(.inspect)
    }

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        FileChange(path: name, before: file, after: Self.text(split))
    }

    package func mark() async throws(LoadBalancerError) -> BalancerMark {
        if state.withLock({ $0.isAway }) { throw .unreachable("\(name) does not answer") }
        return keptMark
    }

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        try await begin(.connections)
        return state.withLock { state in
            guard var counts = state.connections[environment], let count = counts.first else { return 0 }
            if counts.count > 1 { counts.removeFirst() }
            state.connections[environment] = counts
            return count
        }
    }

    package func closeConnections(
        to environment: EnvironmentName
    ) async throws(LoadBalancerError) -> Int? {
        try await begin(.closeConnections)
        return state.withLock { state in
            guard state.canClose else { return nil }
            defer { state.connections[environment] = [0] }
            return state.connections[environment]?.first ?? 0
        }
    }

    var observation: BalancerObservation {
        state.withLock { state in
            BalancerObservation(
                split: state.inForce,
                fileSplit: state.file,
                fileDigest: "\(state.file)",
                remarks: state.remarks
            )
        }
    }

    // MARK: faults

    /// Takes note of `call` and breaks down when it is its turn to.
    ///
    /// Returns a fault that the call itself must act out.
    @discardableResult
    func begin(_ call: Call) async throws(LoadBalancerError) -> Fault? {
        let fault = state.withLock { state -> Fault? in
            state.calls.append(call)
            if state.isAway { return .unreachable }
            guard let planned = state.faults[call] else { return nil }
            state.faults[call] = planned.times > 1 ? (planned.fault, planned.times - 1) : nil
            return planned.fault
        }
        switch fault {
        case .unreachable: throw .unreachable("\(name) does not answer")
        case .rejects: throw .rejected(complaint: "invalid parameter in \(name):1")
        case .drifted: throw .drifted(file: "\(name).conf", diff: "-server a\n+server b")
        case .hangs:
            while !Task.isCancelled { try? await clock.sleep(for: .minutes(60)) }
            throw .unreachable("\(name) did not answer")
        case .notInForce, .ignores, .unknown, nil: return fault
        }
    }
}
