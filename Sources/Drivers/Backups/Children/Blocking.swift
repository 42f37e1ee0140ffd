import ChildProcesses
import DeployPorts
import SafeFile

/// Work that blocks, on another thread.
enum Blocking {
    /// The result of `work`; when the task is cancelled its stop sign is set.
    static func run<Value: Sendable>(
        heedsCancellation: Bool = true,
        _ work: @escaping @Sendable (StopSign) throws(StepFailure) -> Value
    ) async throws(StepFailure) -> Value {
        let stop = StopSign()
        let result: Result<Value, StepFailure> = await withTaskCancellationHandler {
            await BlockingWork.run { Result { () throws(StepFailure) in try work(stop) } }
        } onCancel: {
            if heedsCancellation { stop.set() }
        }
        return try result.get()
    }
}

extension Child {
    /// Starts `command`.
    static func start(_ command: ChildCommand) throws(StepFailure) -> Child {
        do throws(ShortCommandError) {
            return try Child(command)
        } catch {
            throw StepFailure("cannot start \(error.message)", isTransient: false)
        }
    }

    /// Why what it did does not count; `nil` after exit 0.
    func objection(to ending: Ending, _ name: String) -> StepFailure? {
        let words = complaints.isEmpty ? "" : ":\n" + complaints
        return switch ending {
        case .exited(0): nil
        case .exited(let code): StepFailure("\(name) ended with exit \(code)\(words)")
        case .signalled(let signal): StepFailure("\(name) was ended by signal \(signal)\(words)")
        case .timedOut: StepFailure("\(name) did not end in time and was stopped\(words)")
        case .cancelled: StepFailure("\(name) was stopped, since the step was cancelled", isTransient: false)
        }
    }
}
