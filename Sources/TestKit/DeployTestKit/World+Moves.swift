import DeployCore

extension World {
    /// Everything that may happen next.
    func moves(_ rules: WorldRules) -> [Move] {
        var moves: [Move] = flights.filter { !$0.hasLanded }.map { .lands(effect: $0.effect) }
        guard isEngineAlive else { return moves + [.engineReplaced] }
        if case .idle = state.stage { moves.append(.start) } else { moves.append(.engineDies) }
        for pending in state.pending { moves += answers(to: pending, rules) }
        return moves + Self.commands
    }

    private static let commands: [Move] =
        [
            Command.pause, .proceed, .promote(full: false), .promote(full: true), .approve, .abort,
            .rollback(gradual: false), .rollback(gradual: true), .retire(early: true),
            .note(remarks: [Remark(.cause, "a lost index")]),
        ].map { .command($0, by: "ana") } + [.command(.approve, by: "bob")]

    private func answers(to pending: PendingEffect, _ rules: WorldRules) -> [Move] {
        let id = pending.id
        switch pending.effect {
        case .route:
            guard let flight = flights.first(where: { $0.effect == id }) else {
                return [.fails(effect: id, .unknown)]
            }
            if flight.hasLanded { return [.succeeds(effect: id), .fails(effect: id, .unknown)] }
            let honest: [Move] = [.fails(effect: id, .unchanged), .fails(effect: id, .unknown)]
            return rules.answersTellTheTruth ? honest : honest + [.succeeds(effect: id)]
        case .step, .window, .drain:
            return [.succeeds(effect: id), .fails(effect: id, .unchanged)]
        case .wait: return [.succeeds(effect: id)]
        case .approval: return [.fails(effect: id, .unchanged)]
        case .watch:
            return [
                .judged(effect: id, .passed(summary: "")), .judged(effect: id, .rollBack(reason: "bad")),
                .judged(effect: id, .rollBackGradually(reason: "slow")),
                .judged(effect: id, .inconclusive(reason: "dark")),
            ]
        }
    }

    /// The world after `move`.
    func after(_ move: Move, _ rules: WorldRules) -> World {
        var next = self
        switch move {
        case .lands(let effect): next.land(effect)
        case .engineDies: next.isEngineAlive = false
        case .engineReplaced: next.replaceEngine(rules)
        case .start: next.step(.started(plan: state.plan), rules)
        case .command(let command, let person):
            next.step(.commanded(command: command, by: Actor(person), reason: nil), rules)
        case .succeeds(let effect):
            next.noteSuccess(of: effect)
            next.flights.removeAll { $0.effect == effect && $0.hasLanded }
            next.step(.succeeded(effect: effect, captures: [:], summary: nil), rules)
        case .fails(let effect, let traffic):
            next.flights.removeAll { $0.effect == effect }
            next.step(.failed(effect: effect, reason: "broken", traffic: traffic), rules)
        case .judged(let effect, let verdict): next.step(.judged(effect: effect, verdict: verdict), rules)
        }
        return next
    }

    private mutating func land(_ effect: Int) {
        guard let index = flights.firstIndex(where: { $0.effect == effect }) else { return }
        exposure = flights[index].exposure
        flights[index].hasLanded = true
        if !exposure.isNone { hasEverMoved = true }
        // Nobody waits for the answer of a routing whose effect is no longer pending.
        if !state.pending.contains(where: { $0.id == effect }) { flights.remove(at: index) }
    }

    /// The new engine raises the mark at the balancer, so that nothing of the old one lands any more, and carries
    /// out what is pending anew, but for what the run no longer wants.
    private mutating func replaceEngine(_ rules: WorldRules) {
        isEngineAlive = true
        let stale = Set(flights.filter { !$0.hasLanded }.map(\.exposure))
        flights = rules.isFenced ? [] : stale.map { Flight(effect: 0, exposure: $0, hasLanded: false) }
        step(.resumed(by: Actor("ana")), rules)
        for pending in state.pending where !pending.isCancelled { take(off: pending) }
    }

    private mutating func take(off pending: PendingEffect) {
        guard case .route(let exposure) = pending.effect else { return }
        flights.removeAll { $0.effect == pending.id && $0.hasLanded }
        if !flights.contains(where: { $0.effect == pending.id }) {
            flights.append(Flight(effect: pending.id, exposure: exposure, hasLanded: false))
        }
    }

    private mutating func noteSuccess(of effect: Int) {
        guard let pending = state.pending.first(where: { $0.id == effect }) else { return }
        switch pending.effect {
        case .step(let step), .window(let step, _, _): _ = succeeded.insert(step.id)
        case .approval, .wait, .route, .watch, .drain: break
        }
    }

    private mutating func step(_ kind: RunEvent.Kind, _ rules: WorldRules) {
        let before = state
        let transition = rules.step(state, RunEvent(at: Timestamp(milliseconds: 0), kind))
        state = transition.state
        if transition.refusal != nil, state != before { faults.append("a refused command changed the state") }
        if case .commanded(.approve, let person, _) = kind, transition.refusal == nil {
            checkApproval(by: person, of: before)
        }
        for pending in transition.effects {
            begin(pending, confirmed: before.confirmed)
        }
    }

    private mutating func checkApproval(by person: Actor, of state: RunState) {
        for case .approval(let step, _, _) in state.pending.map(\.effect) {
            guard case .approval(_, true) = step.kind, state.plan.startedBy == person else { continue }
            faults.append("\(person), who started the run, approved \(step.id)")
        }
    }

    private mutating func begin(_ pending: PendingEffect, confirmed: Exposure) {
        switch pending.effect {
        case .step(let step):
            checkBeginning(of: step)
        case .route(let exposure):
            if exposure.share < confirmed.share, isStableGone {
                faults.append("users are put back to an environment that is out of service")
            }
            if exposure.share > confirmed.share || (exposure.hasChosenUsers && confirmed.isNone) {
                checkRaise(to: exposure)
            }
            take(off: pending)
        case .approval, .wait, .window, .watch, .drain: break
        }
    }

    /// No step is begun twice, but for the check before a retirement: it only looks, and may be asked for again.
    private mutating func checkBeginning(of step: Step) {
        if !begun.insert(step.id), step.kind != .retire { faults.append("step \(step.id) is begun twice") }
        guard state.plan.retirement?.steps.contains(step) == true else { return }
        if !succeeded.contains(Retirement.check.id) {
            faults.append("\(step.id) is begun although the stable environment may still be in use")
        }
    }

    /// Whether something was begun that may have stopped the stable environment.
    private var isStableGone: Bool {
        state.plan.retirement?.steps.contains { begun.contains($0.id) } ?? false
    }

    /// What the candidate has may grow only when everything that had to succeed before did.
    private mutating func checkRaise(to exposure: Exposure) {
        for phase in state.plan.phases {
            guard case .steps(let phase) = phase else { continue }
            for step in phase.groups.joined() where step.onFailure == .stop {
                switch step.kind {
                case .action, .inspectBalancers, .window:
                    guard !succeeded.contains(step.id) else { continue }
                    faults.append("the candidate gets \(exposure) although \(step.id) has not succeeded")
                case .approval:
                    guard state.captures["\(step.id).approved_by"] == nil else { continue }
                    faults.append("the candidate gets \(exposure) although \(step.id) was not approved")
                case .wait, .retire: continue
                }
            }
        }
    }
}
