import DeployCore
import DeployPorts
import Synchronization

/// What reaches the loop while effects are under way.
enum LoopInput: Sendable {
    case answered(effect: Int, RunEvent.Kind.Outcome)
    case posted([PostedCommand.Waiting])
    case noted(Note)
    case stop
    case stopDeadline
    case leaseLost
}

/// The loop of one process over one run.
///
/// Inputs come one at a time; each makes at most one event durable, and only then are its effects begun.
struct RunLoop {
    let orchestrator: Orchestrator
    var state: RunState
    var running: [Int: Running] = [:]
    var isStopping = false
    var end: RunEnd?
    private let mailbox: AsyncStream<LoopInput>
    let post: AsyncStream<LoopInput>.Continuation
    private let keeper: SplitKeeper
    private let detaching = DetachFlag()

    struct Running {
        let effect: Effect
        let stop: StopSwitch
    }

    /// After a signal, what is in flight has this long to be answered.
    static let stopGrace = Span.seconds(8)
    private static let commandPoll = Span.milliseconds(100)

    init(_ orchestrator: Orchestrator, _ state: RunState) {
        self.orchestrator = orchestrator
        self.state = state
        (mailbox, post) = AsyncStream.makeStream()
        keeper = SplitKeeper(
            orchestrator.surroundings.fleet,
            token: orchestrator.token,
            stable: state.plan.stable,
            clock: orchestrator.surroundings.clock,
            note: { [post] in post.yield(.noted($0)) }
        )
    }

    var surroundings: RunSurroundings { orchestrator.surroundings }

    func run(_ beginning: Orchestrator.Beginning, stops: AsyncStream<Void>) async -> RunEnd {
        var loop = self
        return await withDiscardingTaskGroup { group in
            loop.keepLease(&group)
            loop.watchCommands(&group)
            loop.listen(to: stops, &group)
            await loop.begin(beginning, &group)
            loop.concludeIfDone()
            if loop.end == nil {
                for await input in mailbox {
                    await loop.take(input, &group)
                    loop.concludeIfDone()
                    if loop.end != nil { break }
                }
            }
            group.cancelAll()
            return loop.end ?? .stopped(loop.state)
        }
    }

    // MARK: inputs

    private mutating func begin(_ beginning: Orchestrator.Beginning, _ group: inout DiscardingTaskGroup) async
    {
        switch beginning {
        case .perform(let effects):
            for effect in effects { launch(effect, reconciling: false, &group) }
        case .takeOver(let actor, let command, let number):
            await takeOver(by: actor, command, answering: number, &group)
        }
    }

    /// The pending effects are reconciled, but for those that `command` makes needless.
    private mutating func takeOver(
        by actor: Actor,
        _ command: PostedCommand?,
        answering number: Int?,
        _ group: inout DiscardingTaskGroup
    ) async {
        guard await record(.resumed(by: actor)) != nil else { return }
        var fresh: [PendingEffect] = []
        if let command {
            let kind = RunEvent.Kind.commanded(
                command: command.command,
                by: command.by,
                reason: command.reason
            )
            guard let transition = await record(kind, answering: number) else { return }
            fresh = transition.effects
        }
        for pending in state.pending {
            launch(pending, reconciling: !fresh.contains { $0.id == pending.id }, &group)
        }
    }

    private mutating func take(_ input: LoopInput, _ group: inout DiscardingTaskGroup) async {
        switch input {
        case .answered(let id, let outcome):
            running[id] = nil
            guard state.pending.contains(where: { $0.id == id }), let kind = outcome.kind(of: id) else {
                return
            }
            await advance(kind, &group)
        case .posted(let commands):
            for waiting in commands { await obey(waiting, &group) }
        case .noted(let note): _ = await record(.noted(note: note))
        case .stop: stop(&group)
        case .stopDeadline: end = end ?? .stopped(state)
        case .leaseLost: end = .lost(state)
        }
    }

    private mutating func advance(
        _ kind: RunEvent.Kind,
        answering command: Int? = nil,
        _ group: inout DiscardingTaskGroup
    ) async {
        guard let transition = await record(kind, answering: command) else { return }
        for id in transition.cancelled { running[id]?.stop.stop() }
        guard !isStopping else { return }
        for effect in transition.effects { launch(effect, reconciling: false, &group) }
    }

    private mutating func obey(_ waiting: PostedCommand.Waiting, _ group: inout DiscardingTaskGroup) async {
        let posted = waiting.posted
        let kind = RunEvent.Kind.commanded(command: posted.command, by: posted.by, reason: posted.reason)
        let event = RunEvent(at: surroundings.clock.now(), kind)
        let refusal =
            isStopping ? "this process is being stopped; ask again" : Reducer.step(state, event).refusal
        guard let refusal else { return await advance(kind, answering: waiting.id, &group) }
        try? await surroundings.store.answer(waiting.id, refusal: refusal, lease: orchestrator.lease)
    }

    /// What is waiting, and what goes on without us, is left as it is; a routing and a request in flight are
    /// answered first.
    private mutating func stop(_ group: inout DiscardingTaskGroup) {
        guard !isStopping else { return }
        isStopping = true
        detaching.raise()
        group.addTask { [clock = surroundings.clock, post] in
            try? await clock.sleep(for: Self.stopGrace)
            post.yield(.stopDeadline)
        }
    }

    private mutating func concludeIfDone() {
        guard end == nil else { return }
        if isStopping, !running.values.contains(where: { mustBeAwaited($0.effect) }) { end = .stopped(state) }
        switch state.stage {
        case .ended where state.pending.isEmpty: end = .settled(state)
        case .released where !state.pending.contains(where: isDue): end = .settled(state)
        case .forward where state.pending.isEmpty: end = .waiting(state)
        case .forward where surroundings.leavesAtGates && state.isAtRest: end = .waiting(state)
        case .idle, .forward, .returning, .released, .ended: break
        }
    }

    /// Whether something of a released run is still to be done by this process.
    private func isDue(_ pending: PendingEffect) -> Bool {
        guard !pending.isCancelled, case .wait(_, let until) = pending.effect else { return true }
        return surroundings.runsFollowUps && until <= surroundings.clock.now()
    }

    private func mustBeAwaited(_ effect: Effect) -> Bool {
        switch effect {
        case .route: true
        case .step(let step): surroundings.actions[step.id]?.survivesUs != true
        case .approval, .wait, .window, .watch, .drain: false
        }
    }

    // MARK: effects

    private mutating func launch(
        _ pending: PendingEffect,
        reconciling: Bool,
        _ group: inout DiscardingTaskGroup
    ) {
        let stop = StopSwitch()
        running[pending.id] = Running(effect: pending.effect, stop: stop)
        let performer = performer()
        let values = values()
        if reconciling, pending.isCancelled, pending.effect.isCancellable { stop.stop() }
        group.addTask { [post] in
            let outcome = await stop.run {
                reconciling
                    ? await performer.reconcile(pending, values)
                    : await performer.perform(pending.effect, values)
            }
            post.yield(.answered(effect: pending.id, outcome))
        }
    }

    private func performer() -> EffectPerformer {
        EffectPerformer(
            plan: state.plan,
            fleet: surroundings.fleet,
            steps: StepRunner(
                run: orchestrator.run,
                actions: surroundings.actions,
                policies: surroundings.policies,
                folders: surroundings.folders,
                clock: surroundings.clock,
                observer: surroundings.observer,
                note: { [post] in post.yield(.noted($0)) },
                mask: surroundings.mask,
                isDetaching: { [detaching] in detaching.isRaised }
            ),
            watcher: surroundings.watcher,
            keeper: keeper,
            connectionsGauge: surroundings.connectionsGauge,
            token: orchestrator.token,
            isReturning: state.phase == .rollback,
            candidateHadTraffic: state.hasMovedTraffic,
            stableIsIdle: state.confirmed == .full,
            clock: surroundings.clock,
            observer: surroundings.observer,
            note: { [post] in post.yield(.noted($0)) },
            fenced: { [post] in post.yield(.leaseLost) }
        )
    }

    /// The run's values with what its steps have captured so far.
    private func values() -> Values {
        var values = surroundings.values
        for (name, value) in state.captures { values.plain["steps.\(name)"] = value }
        return values
    }

    // MARK: side tasks

    private func keepLease(_ group: inout DiscardingTaskGroup) {
        let keeper = LeaseKeeper(orchestrator.lease, in: surroundings.store, clock: surroundings.clock)
        group.addTask { [post] in
            if await keeper.keep() { post.yield(.leaseLost) }
        }
    }

    private func watchCommands(_ group: inout DiscardingTaskGroup) {
        group.addTask { [surroundings, run = orchestrator.run, post] in
            var seen: Set<Int> = []
            while !Task.isCancelled {
                do { try await surroundings.clock.sleep(for: Self.commandPoll) } catch { return }
                guard let waiting = try? await surroundings.store.postedCommands(of: run) else { continue }
                let fresh = waiting.filter { seen.insert($0.id).inserted }
                if !fresh.isEmpty { post.yield(.posted(fresh)) }
            }
        }
    }

    private func listen(to stops: AsyncStream<Void>, _ group: inout DiscardingTaskGroup) {
        group.addTask { [post] in
            for await _ in stops { post.yield(.stop) }
        }
    }
}

/// Says to steps under way that this process only leaves.
private final class DetachFlag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}

extension Effect {
    fileprivate var isCancellable: Bool {
        if case .step(let step) = self { step.isCancellable } else { false }
    }
}
