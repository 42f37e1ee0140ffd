package import DeployCore
package import DeployPorts

/// What ``within(_:clock:_:)`` throws when its time is over.
package struct DeadlinePassed: Error {}

/// Runs `work`, and cancels it when `span` is over; returns only when `work` has ended.
package func within<Value: Sendable>(
    _ span: Span,
    clock: any Timekeeper,
    _ work: @escaping @Sendable () async -> Value
) async throws(DeadlinePassed) -> Value {
    let result = await withTaskGroup(of: Contender<Value>.self) { group in
        group.addTask { .work(await work()) }
        group.addTask {
            do { try await clock.sleep(for: span) } catch { return .cancelled }
            return .deadline
        }
        var result: Value?
        var isOver = false
        for await next in group {
            switch next {
            // What the work still brings once its time is over is thrown away.
            case .work(let value): result = isOver ? nil : value
            case .deadline: isOver = result == nil
            // Cancelled from outside: the work was told as well, and its answer counts.
            case .cancelled: continue
            }
            group.cancelAll()
        }
        return result
    }
    guard let result else { throw DeadlinePassed() }
    return result
}

private enum Contender<Value: Sendable>: Sendable {
    case work(Value)
    case deadline
    case cancelled
}

/// Lets one piece of work be stopped from outside its task.
final class StopSwitch: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func stop() {
        continuation.yield()
        continuation.finish()
    }

    /// Runs `work`; once ``stop()`` was called, its task is cancelled.
    ///
    /// Returns when `work` has ended.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await work() }
            group.addTask {
                for await _ in self.stream {}
                return nil
            }
            while let next = await group.next() {
                group.cancelAll()
                if let next { return next }
            }
            preconditionFailure("the work always returns a value")
        }
    }
}
