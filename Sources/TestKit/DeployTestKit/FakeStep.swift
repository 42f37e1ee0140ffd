package import DeployCore
package import DeployPorts
import Synchronization

/// A step that does as it is told, attempt by attempt, and counts what really happened.
///
/// What it does, it does in the world and not in the process that asked: with ``survivesUs`` it goes on when that
/// process leaves or dies, and another one can attach to it.
package final class FakeStep: StepAction {
    package enum Act: Hashable, Sendable {
        case succeeds(captures: [String: String] = [:], after: Span = .zero)
        case fails(StepFailure, after: Span = .zero)
        /// Ends only when it is stopped.
        case hangs

        fileprivate var length: Span? {
            switch self {
            case .succeeds(_, let span), .fails(_, let span): span
            case .hangs: nil
            }
        }
    }

    private struct Work {
        let act: Act
        /// `nil` for what never ends.
        let end: Timestamp?
        var isStopped = false
    }

    private struct State {
        var work: [Int: Work] = [:]
        var starts: [Int] = []
        var attached: [Int] = []
        var stopped: [Int] = []
        var violations: [String] = []
        var attempts: [StepAttempt] = []
    }

    package let summary: String
    package let isReadOnly: Bool
    package let survivesUs: Bool
    package let references: [Reference] = []
    private let script: [Act]
    private let reconciliation: Reconciliation?
    private let clock: any Timekeeper
    private let state = Mutex(State())

    /// Attempt n does the n-th of `script`; the last one stays.
    ///
    /// `reconciliation` replaces what looking would find.
    package init(
        _ summary: String,
        script: [Act] = [.succeeds()],
        isReadOnly: Bool = false,
        survivesUs: Bool = false,
        reconciliation: Reconciliation? = nil,
        clock: any Timekeeper
    ) {
        self.summary = summary
        self.script = script.isEmpty ? [.succeeds()] : script
        self.isReadOnly = isReadOnly
        self.survivesUs = survivesUs
        self.reconciliation = reconciliation
        self.clock = clock
    }

    /// The numbers of the attempts that really began, in order.
    package var starts: [Int] { state.withLock { $0.starts } }
    /// The attempts that a second process attached to.
    package var attached: [Int] { state.withLock { $0.attached } }
    /// The attempts that were stopped for good.
    package var stopped: [Int] { state.withLock { $0.stopped } }
    /// Every call of `perform`, with the values it was given.
    package var attempts: [StepAttempt] { state.withLock { $0.attempts } }
    /// What no engine may do, such as beginning an attempt twice that changes something.
    package var violations: [String] { state.withLock { $0.violations } }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let work = begin(attempt)
        attempt.report("\(summary) has begun")
        do throws(CancellationError) {
            guard !Task.isCancelled else { throw CancellationError() }
            guard let end = work.end else {
                while true { try await clock.sleep(for: .minutes(60)) }
            }
            try await clock.sleep(for: end.since(clock.now()))
        } catch {
            guard !(survivesUs && attempt.isDetaching()) else {
                throw StepFailure("left running", isTransient: false)
            }
            // To end takes a moment, in which whatever else was cancelled has answered.
            for _ in 0..<20 { await Task.yield() }
            stop(attempt.number)
            throw StepFailure("stopped", isTransient: false)
        }
        return try Self.result(of: work.act).get()
    }

    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation {
        if let reconciliation { return reconciliation }
        guard let work = state.withLock({ $0.work[attempt.number] }) else { return .neverStarted }
        if work.isStopped { return .failed(StepFailure("stopped", isTransient: false)) }
        if isReadOnly { return .neverStarted }
        guard survivesUs else { return .unknown("\(summary) was interrupted") }
        guard let end = work.end, end <= clock.now() else { return .running }
        switch Self.result(of: work.act) {
        case .success(let result): return .ended(result)
        case .failure(let failure): return .failed(failure)
        }
    }

    private func begin(_ attempt: StepAttempt) -> Work {
        state.withLock { state in
            state.attempts.append(attempt)
            if let work = state.work[attempt.number], survivesUs {
                state.attached.append(attempt.number)
                return work
            }
            if state.work[attempt.number] != nil, !isReadOnly {
                state.violations.append("attempt \(attempt.number) of \(summary) was begun twice")
            }
            let act = script[min(attempt.number, script.count) - 1]
            let work = Work(act: act, end: act.length.map { clock.now().advanced(by: $0) })
            state.work[attempt.number] = work
            state.starts.append(attempt.number)
            return work
        }
    }

    private func stop(_ number: Int) {
        state.withLock { state in
            state.work[number]?.isStopped = true
            state.stopped.append(number)
        }
    }

    private static func result(of act: Act) -> Result<StepResult, StepFailure> {
        switch act {
        case .succeeds(let captures, _): .success(StepResult(captures: captures, summary: "done"))
        case .fails(let failure, _): .failure(failure)
        case .hangs: .failure(StepFailure("stopped", isTransient: false))
        }
    }
}
