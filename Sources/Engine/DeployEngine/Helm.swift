import DeployCore
import DeployPorts
import Synchronization

/// Lets one change at a time be made at each balancer, and remembers which split is wanted.
///
/// A correction that was begun under one split must not land upon the next one. Balancers are told by name: one
/// that hangs keeps nobody from changing the others.
final class Helm: Sendable {
    private struct State {
        var wanted: Split?
        var taken: Set<String> = []
        var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// From now on no correction to another split begins.
    func want(_ split: Split) { state.withLock { $0.wanted = split } }

    /// Returns when the caller may change `name`; must be followed by ``give(_:)``.
    func take(_ name: String) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.taken.insert(name).inserted { return true }
                state.waiting[name, default: []].append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// The turn for a correction, unless another split than `split` is wanted by then.
    ///
    /// Returns whether the caller has it; only then it must be followed by ``give(_:)``.
    func take(_ name: String, keeping split: Split) async -> Bool {
        await take(name)
        let wanted = state.withLock { $0.wanted }
        guard let wanted, wanted != split else { return true }
        give(name)
        return false
    }

    func give(_ name: String) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting[name]?.isEmpty == false else {
                state.taken.remove(name)
                return nil
            }
            return state.waiting[name]?.removeFirst()
        }
        next?.resume()
    }
}

/// Which balancers a run goes on without, and what of that was not told yet.
final class Roll: Sendable {
    private struct State {
        var absent: [Int: String] = [:]
        var news: [Note] = []
    }

    private let state = Mutex(State())

    /// Those left out now, in the playbook's order.
    var absent: [Int] { state.withLock { $0.absent.keys.sorted() } }

    /// For a summary: `; left out: …`, or nothing.
    var suffix: String {
        let names = state.withLock { state in state.absent.sorted { $0.key < $1.key }.map(\.value) }
        var told: [String] = []
        for name in names where !told.contains(name) { told.append(name) }
        return told.isEmpty ? "" : "; left out: \(told.joined(separator: ", "))"
    }

    func leaveOut(_ failed: BalancerFleet.Failed) {
        state.withLock { state in
            guard state.absent.updateValue(failed.name, forKey: failed.index) == nil else { return }
            let text = "left out: \(failed.line)\nIt is brought to the run's split when it answers again"
            state.news.append(Note(topic: "balancer", text: text, facts: ["balancer": failed.name]))
        }
    }

    func welcome(_ index: Int, at split: Split) {
        state.withLock { state in
            guard let name = state.absent.removeValue(forKey: index) else { return }
            let text = "\(name) answers again and has \(split)"
            state.news.append(Note(topic: "balancer", text: text, facts: ["balancer": name]))
        }
    }

    /// What happened since it was asked for last.
    func takeNews() -> [Note] {
        state.withLock { state in
            defer { state.news = [] }
            return state.news
        }
    }
}
