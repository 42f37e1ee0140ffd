import DeployCore
import DeployPorts

/// Carries steps out: attempts, their folders, their deadlines, and what became of them after a crash.
struct StepRunner: Sendable {
    let run: RunID
    let actions: [StepID: any StepAction]
    let policies: [StepID: StepPolicy]
    let folders: any AttemptFolders
    let clock: any Timekeeper
    let observer: any RunObserver
    let note: @Sendable (Note) -> Void
    /// Replaces secrets by `***`.
    let mask: @Sendable (String) -> String
    /// Whether this process is about to leave and the steps that can go on without it shall.
    let isDetaching: @Sendable () -> Bool

    /// Beyond its own deadline a step gets this long to end by itself.
    private static let grace = Span.seconds(15)

    func perform(_ step: Step, _ values: Values) async -> RunEvent.Kind.Outcome {
        do throws(StepFailure) {
            if let condition = policy(of: step).condition, try !condition.holds(in: values) {
                return .succeeded(captures: [:], summary: "left out: its `when` does not hold")
            }
            return try await attempts(of: step, from: 1, values)
        } catch {
            return .failed(reason: told(step, error))
        }
    }

    /// After a crash: goes on with the attempt that was under way, or begins it if it never was.
    func reconcile(_ step: Step, _ values: Values, isCancelled: Bool) async -> RunEvent.Kind.Outcome {
        guard let number = folders.latestAttempt(of: step.id, in: run), let action = actions[step.id] else {
            return isCancelled ? .failed(reason: "not begun") : await perform(step, values)
        }
        let attempt = attempt(
            number,
            of: step,
            values,
            folder: folders.path(of: number, of: step.id, in: run)
        )
        do throws(StepFailure) {
            switch await action.reconcile(attempt) {
            case .ended(let result): return outcome(of: step, result)
            case .failed(let failure):
                guard !isCancelled, number < policy(of: step).attempts, failure.isTransient else {
                    throw failure
                }
                return try await attempts(of: step, from: number + 1, values)
            case .neverStarted:
                guard !isCancelled else { return .failed(reason: "not begun") }
                return try await attempts(of: step, from: number, values)
            case .running: return try await result(of: step, action, attempt)
            case .unknown(let reason):
                guard policy(of: step).isIdempotent, !isCancelled else {
                    throw StepFailure("\(reason); it is not known whether it took effect", isTransient: false)
                }
                return try await attempts(of: step, from: number + 1, values)
            }
        } catch {
            return .failed(reason: told(step, error))
        }
    }

    private func attempts(
        of step: Step,
        from first: Int,
        _ values: Values
    ) async throws(StepFailure) -> RunEvent.Kind.Outcome {
        guard let action = actions[step.id] else {
            throw StepFailure("the playbook of this run has no such step", isTransient: false)
        }
        let policy = policy(of: step)
        var number = first
        while true {
            let folder = try folders.begin(number, of: step.id, in: run)
            let pause: Span
            do throws(StepFailure) {
                return try await result(of: step, action, attempt(number, of: step, values, folder: folder))
            } catch {
                guard let next = policy.pause(after: number), error.isTransient, !Task.isCancelled else {
                    throw error
                }
                // Who resumes the run makes the attempts that are left.
                if isDetaching() { return .left }
                pause = next
                observer.output(
                    mask("attempt \(number) of \(policy.attempts): \(error.message)"),
                    of: step.id
                )
            }
            do { try await clock.sleep(for: pause) } catch {
                throw StepFailure("stopped", isTransient: false)
            }
            number += 1
        }
    }

    private func result(
        of step: Step,
        _ action: any StepAction,
        _ attempt: StepAttempt
    ) async throws(StepFailure) -> RunEvent.Kind.Outcome {
        let limit = Span(milliseconds: step.deadline.milliseconds + Self.grace.milliseconds)
        let result: Result<StepResult, StepFailure>
        do throws(DeadlinePassed) {
            result = try await within(limit, clock: clock) {
                do throws(StepFailure) {
                    return .success(try await action.perform(attempt))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw StepFailure("not finished within \(step.deadline)")
        }
        return outcome(of: step, try result.get())
    }

    private func outcome(of step: Step, _ result: StepResult) -> RunEvent.Kind.Outcome {
        let name = policy(of: step).captureName
        let captures = result.captures.map { ("\(name).\($0.key)", $0.value) }
        return .succeeded(
            captures: Dictionary(captures) { first, _ in first },
            summary: result.summary
        )
    }

    private func attempt(_ number: Int, of step: Step, _ values: Values, folder: String) -> StepAttempt {
        StepAttempt(
            run: run,
            step: step.id,
            number: number,
            deadline: step.deadline,
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: { [observer, mask] line in observer.output(mask(line), of: step.id) },
            note: note
        )
    }

    /// What failed and why; a message that begins with the step's title is not given it twice.
    private func told(_ step: Step, _ failure: StepFailure) -> String {
        failure.message.hasPrefix(step.title) ? failure.message : "\(step.title): \(failure.message)"
    }

    private func policy(of step: Step) -> StepPolicy { policies[step.id] ?? StepPolicy() }
}

extension RunEvent.Kind {
    /// How an effect ended, before it is known as an event.
    enum Outcome: Sendable {
        case succeeded(captures: [String: String], summary: String?)
        case failed(reason: String, traffic: TrafficKnowledge = .unchanged)
        case judged(Verdict)
        /// Not ended: this process leaves, and whoever resumes the run goes on with it.
        case left

        /// `nil` when there is nothing to record.
        func kind(of effect: Int) -> RunEvent.Kind? {
            switch self {
            case .left: nil
            case .succeeded(let captures, let summary):
                .succeeded(effect: effect, captures: captures, summary: summary)
            case .failed(let reason, let traffic): .failed(effect: effect, reason: reason, traffic: traffic)
            case .judged(let verdict): .judged(effect: effect, verdict: verdict)
            }
        }
    }
}
