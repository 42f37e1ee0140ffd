import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// Makes the service behave as badly as `FaultSwitch` says, before the real answer.
struct FaultMiddleware<Context: RequestContext>: RouterMiddleware {
    enum Reach {
        /// Delay, errors and hanging.
        case all
        /// Hanging only; the health endpoint shows `healthy` itself.
        case hangOnly
    }

    let state: DemoState
    let reach: Reach

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try await waitWhileHanging()
        guard case .all = reach else { return try await next(request, context) }
        let faults = state.faults.current
        if faults.delayMilliseconds > 0 {
            try await state.clock.sleep(for: .milliseconds(faults.delayMilliseconds))
        }
        if state.faults.nextRequestFails() {
            throw HTTPError(.init(code: faults.status), message: "fault switched on at /admin/faults")
        }
        return try await next(request, context)
    }

    /// Holds the request back; a process that is told to end must not wait for a hung one.
    private func waitWhileHanging() async throws {
        while state.faults.current.hang {
            if Task.isShuttingDownGracefully {
                throw HTTPError(.serviceUnavailable, message: "shutting down")
            }
            try await state.clock.sleep(for: .milliseconds(50))
        }
    }
}
