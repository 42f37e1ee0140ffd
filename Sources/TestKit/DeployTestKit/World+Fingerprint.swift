import DeployCore

extension World {
    /// The world in a few bytes: equal exactly for worlds that behave equally.
    ///
    /// Effects are told by their place among those pending, so that going in circles (pause, go on, pause, …) leads to a
    /// world that was seen before. The plan is left out: it is the same in one search. So are reasons: nothing
    /// depends on them.
    var fingerprint: [UInt8] {
        var bytes = Fingerprint(pending: state.pending.map(\.id), steps: begun)
        bytes.add(state.stage)
        bytes.add(state.confirmed)
        bytes.add(exposure)
        bytes.add(isEngineAlive, state.hasMovedTraffic, hasEverMoved, state.pause != nil)
        bytes.add(state.pause?.by == .bgdeploy, state.retiredAt != nil)
        bytes.add(state.takeovers)
        bytes.add(faults.count)
        bytes.add(state.pending.count)
        for pending in state.pending { bytes.add(pending) }
        for flight in flights {
            bytes.add(effect: flight.effect)
            bytes.add(flight.exposure)
            bytes.add(flight.hasLanded)
        }
        bytes.add(state.captures.count)
        bytes.add(succeeded)
        bytes.add(begun)
        return bytes.bytes
    }
}

private struct Fingerprint {
    var bytes: [UInt8] = []
    let pending: [Int]
    let steps: StepSet

    init(pending: [Int], steps: StepSet) {
        self.pending = pending
        self.steps = steps
        bytes.reserveCapacity(48)
    }

    mutating func add(_ number: Int) {
        precondition((-1...254).contains(number), "a small number does not fit")
        bytes.append(UInt8(number + 1))
    }

    mutating func add(_ flags: Bool...) {
        bytes.append(flags.reduce(0) { $0 << 1 | ($1 ? 1 : 0) })
    }

    mutating func add(_ share: Percent) { add(share.tenths / 10) }

    mutating func add(_ exposure: Exposure) {
        add(exposure.share)
        add(exposure.hasChosenUsers)
    }

    mutating func add(effect id: Int) { add(pending.firstIndex(of: id) ?? 100) }

    mutating func add(_ stage: RunState.Stage) {
        switch stage {
        case .idle: add(0)
        case .forward(let phase, let progress):
            add(1)
            add(phase)
            add(progress)
        case .returning(let journey):
            add(2)
            add(journey.attempt)
            add(journey.shares.count)
            if let first = journey.shares.first { add(first) }
            switch journey.leg {
            case .routing: add(0)
            case .holding: add(1)
            case .tidying(let step): add(3 + step)
            }
        case .released(_, let next):
            add(3)
            add(next)
        case .ended(.failed): add(4)
        case .ended(.rolledBack): add(5)
        case .ended(.rollbackFailed): add(6)
        }
    }

    private mutating func add(_ progress: RunState.Progress) {
        switch progress {
        case .steps(let group, let failure, let approvals):
            add(group)
            add(failure != nil)
            add(approvals.contains(Actor("ana")), approvals.contains(Actor("bob")))
        case .draining(let isRequested): add(isRequested)
        case .shifting(let step, let since):
            add(step)
            add(since != nil)
        case .monitoring: add(0)
        }
    }

    mutating func add(_ pending: PendingEffect) {
        add(pending.isCancelled)
        switch pending.effect {
        case .step(let step): add(10 + steps.ordinal(of: step.id))
        case .approval: add(1)
        case .wait(let step, _):
            add(2)
            add(steps.ordinal(of: step))
        case .window: add(6)
        case .route(let exposure):
            add(3)
            add(exposure)
        case .watch(let watch):
            add(4)
            add(watch.purpose == .pause)
        case .drain: add(5)
        }
    }

    mutating func add(_ steps: StepSet) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: steps.mask >> shift))
        }
    }
}
