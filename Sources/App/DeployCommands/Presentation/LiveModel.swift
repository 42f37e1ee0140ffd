import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// What a live view knows of a run: the fold of what an observer is told.
struct LiveModel: Sendable {
    private(set) var state: RunState?
    private(set) var startedAt: Timestamp?
    /// The plan's phases, and the rollback when there is one.
    private(set) var phases: [LivePhase] = []
    /// `nil` unless the traffic is watched.
    private(set) var figures: TrafficFigures?
    /// Connections that the stable environment still has; `nil` unless it drains.
    private(set) var connections: Int?
    /// The latest, oldest first.
    private(set) var remarks: [String] = []
    /// The last lines of the steps that spoke, by step.
    private(set) var output: [StepID: [String]] = [:]
    private(set) var lastSpeaker: StepID?

    static let outputLines = 5
    static let remarkLimit = 3

    mutating func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {
        let now = entry.event.at
        if state == nil { begin(with: before ?? RunState(plan: after.plan), at: now) }
        let known = state ?? after
        settle(entry.event.kind, known, at: now)
        settleDropped(entry.event.kind, known, after, at: now)
        move(to: after, at: now)
        for pending in entry.effects { begin(pending.effect, at: now) }
        if case .noted(let note) = entry.event.kind, note.topic != "traffic" { remark(note.text) }
        state = after
        let isWatching = after.pending.contains { if case .watch = $0.effect { true } else { false } }
        if !isWatching { figures = nil }
        let isDraining = after.pending.contains { if case .drain = $0.effect { true } else { false } }
        if !isDraining { connections = nil }
    }

    mutating func output(_ line: String, of step: StepID) {
        lastSpeaker = step
        let lines = line.split(whereSeparator: \.isNewline).map(String.init)
        output[step] = Array((output[step, default: []] + lines).suffix(Self.outputLines))
    }

    mutating func watched(_ figures: TrafficFigures) {
        self.figures = figures
        for remark in figures.remarks { self.remark(remark) }
    }

    mutating func draining(connections: Int) { self.connections = connections }

    var isSettled: Bool { state?.isSettled == true }

    // MARK: folding

    private mutating func remark(_ text: String) {
        remarks.removeAll { $0 == text }
        remarks = Array((remarks + [text]).suffix(Self.remarkLimit))
    }

    /// A run that was taken over stands where `state` says; how long it took to get there is not known here.
    private mutating func begin(with state: RunState, at now: Timestamp) {
        self.state = state
        startedAt = now
        phases = state.plan.phases.map { LivePhase($0, of: state.plan) }
        switch state.stage {
        case .idle: break
        case .forward(let index, _):
            for done in 0..<index { phases[done].mark = .done }
        case .released: for index in phases.indices { phases[index].mark = .done }
        case .returning, .ended: for index in phases.indices { phases[index].mark = .skipped }
        }
        move(to: state, at: now)
        for pending in state.pending { begin(pending.effect, at: now) }
    }

    private mutating func move(to after: RunState, at now: Timestamp) {
        switch after.stage {
        case .idle: break
        case .forward(let index, _):
            for passed in 0..<index { phases[passed].end(.done, at: now) }
            phases[index].begin(at: now)
        case .released: for index in phases.indices { phases[index].end(.done, at: now) }
        case .returning(let journey): turnBack(journey, after.plan, hasMoved: after.hasMovedTraffic, at: now)
        case .ended(.rolledBack): endCurrent(.done, at: now)
        case .ended: endCurrent(.failed, at: now)
        }
    }

    private mutating func endCurrent(_ mark: Planned.Mark, at now: Timestamp) {
        for index in phases.indices where phases[index].mark == .current { phases[index].end(mark, at: now) }
    }

    private mutating func turnBack(
        _ journey: RunState.ReturnJourney,
        _ plan: Plan,
        hasMoved: Bool,
        at now: Timestamp
    ) {
        guard phases.last?.name != .rollback else { return }
        endCurrent(.failed, at: now)
        for index in phases.indices where phases[index].mark == .toCome { phases[index].mark = .skipped }
        guard hasMoved else { return }
        var phase = LivePhase(wayBackTo: plan, through: journey.shares)
        phase.begin(at: now)
        phases.append(phase)
    }

    private mutating func begin(_ effect: Effect, at now: Timestamp) {
        guard let (phase, row) = place(of: effect) else { return }
        if case .share = phases[phase].rows[row].planned.key {
            // Shares that were passed over, as by `promote --full`.
            for index in 0..<row where phases[phase].rows[index].mark == .toCome {
                phases[phase].rows[index].mark = .skipped
            }
        }
        if let step = phases[phase].rows[row].planned.step { output[step] = nil }
        phases[phase].rows[row].begin(at: now)
    }

    private mutating func settle(_ kind: RunEvent.Kind, _ before: RunState, at now: Timestamp) {
        func effect(_ id: Int) -> Effect? { before.pending.first { $0.id == id }?.effect }
        switch kind {
        case .succeeded(let id, _, let summary):
            guard let effect = effect(id) else { return }
            end(effect, isHeld(effect, before.plan) ? nil : .done, summary, at: now)
        case .failed(let id, let reason, _):
            if let effect = effect(id) { end(effect, .failed, reason, at: now) }
        case .judged(let id, let verdict):
            guard let effect = effect(id) else { return }
            switch verdict {
            case .passed(let summary): end(effect, .done, summary, at: now)
            case .rollBack(let reason), .rollBackGradually(let reason): end(effect, .failed, reason, at: now)
            case .inconclusive(let reason): end(effect, nil, reason, at: now)
            }
        case .started, .resumed, .commanded, .noted: break
        }
    }

    /// A share that is held is not done with when the balancers have it.
    private func isHeld(_ effect: Effect, _ plan: Plan) -> Bool {
        guard case .route(let exposure) = effect, exposure != .full, !exposure.isNone else { return false }
        return !plan.phases.contains { phase in
            if case .shift(let shift) = phase { shift.hold == .zero } else { false }
        }
    }

    /// `mark` is `nil` when the row goes on.
    private mutating func end(_ effect: Effect, _ mark: Planned.Mark?, _ detail: String?, at now: Timestamp) {
        guard let (phase, row) = place(of: effect) else { return }
        if let mark { return phases[phase].rows[row].end(mark, at: now, detail) }
        if case .route = effect { return }
        phases[phase].rows[row].detail = detail
    }

    /// What a person ended: approvals that are complete, a hold by `promote`, everything by a rollback.
    private mutating func settleDropped(
        _ kind: RunEvent.Kind,
        _ before: RunState,
        _ after: RunState,
        at now: Timestamp
    ) {
        guard case .commanded(let command, _, _) = kind else { return }
        let left = Set(after.pending.map(\.id))
        for pending in before.pending where !left.contains(pending.id) {
            switch command {
            case .approve, .promote: end(pending.effect, .done, nil, at: now)
            case .abort, .rollback: end(pending.effect, .skipped, nil, at: now)
            case .pause, .proceed, .retire, .note: break
            }
        }
    }

    /// The row that shows `effect`: in the current phase.
    private func place(of effect: Effect) -> (phase: Int, row: Int)? {
        guard let phase = phases.lastIndex(where: { $0.mark == .current }) else { return nil }
        let rows = phases[phase].rows
        func index(_ key: Planned.Key) -> Int? { rows.firstIndex { $0.planned.key == key } }
        let row: Int? =
            switch effect {
            case .step(let step), .approval(let step, _, _), .window(let step, _, _):
                index(.step(step.id))
            case .wait(let step, _): index(.step(step))
            case .route(let exposure): index(.share(exposure))
            case .watch(let watch): index(.monitor) ?? index(.share(watch.candidate))
            case .drain: index(.drain)
            }
        return row.map { (phase, $0) }
    }
}
