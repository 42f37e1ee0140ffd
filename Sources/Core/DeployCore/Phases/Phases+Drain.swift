/// Drain: tell the application, then wait for the stable environment's connections to end.
extension Draft {
    mutating func beginDrain(_ phase: DrainPhase, isRequested: Bool) {
        if !isRequested, let request = phase.request { return issue(.step(step: request)) }
        issue(.drain(until: now.advanced(by: phase.grace)))
    }

    mutating func settleDrain(
        _ phase: DrainPhase,
        at index: Int,
        _ pending: PendingEffect,
        _ answer: Answer
    ) {
        if case .step(let request) = pending.effect {
            if let reason = answer.failure, request.onFailure == .stop { return turnBack(reason) }
            return stand(in: index, .draining(isRequested: true))
        }
        if let reason = answer.failure, phase.whenNotEmpty == .stop { return turnBack(reason) }
        enter(phase: index + 1)
    }
}
