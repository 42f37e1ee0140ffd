package import DeployCore
package import DeployPorts

/// Everything a run needs of the world.
package struct RunSurroundings: Sendable {
    package var store: any RunStore
    package var fleet: BalancerFleet
    package var watcher: TrafficWatcher
    /// Tells the stable environment's connections; `nil` when the balancers count them.
    package var connectionsGauge: (any Gauge)?
    package var actions: [StepID: any StepAction]
    package var policies: [StepID: StepPolicy]
    package var values: Values
    package var folders: any AttemptFolders
    package var clock: any Timekeeper
    package var observer: any RunObserver
    /// Replaces secrets by `***`; applied to every text before it is journalled.
    package var mask: @Sendable (String) -> String
    /// Whether to leave at a gate instead of waiting at it.
    package var leavesAtGates: Bool
    /// Whether to carry out the follow-ups of a released run that are due.
    package var runsFollowUps = false

    package init(
        store: any RunStore,
        fleet: BalancerFleet,
        watcher: TrafficWatcher,
        connectionsGauge: (any Gauge)? = nil,
        actions: [StepID: any StepAction],
        policies: [StepID: StepPolicy],
        values: Values,
        folders: any AttemptFolders,
        clock: any Timekeeper,
        observer: any RunObserver,
        mask: @escaping @Sendable (String) -> String,
        leavesAtGates: Bool = false
    ) {
        self.store = store
        self.fleet = fleet
        self.watcher = watcher
        self.connectionsGauge = connectionsGauge
        self.actions = actions
        self.policies = policies
        self.values = values
        self.folders = folders
        self.clock = clock
        self.observer = observer
        self.mask = mask
        self.leavesAtGates = leavesAtGates
    }
}

/// How this process's part in a run ended.
package enum RunEnd: Sendable {
    /// The run succeeded, failed or was rolled back: see the state.
    case settled(RunState)
    /// A gate or a pause without divided traffic: others go on from here.
    case waiting(RunState)
    /// Asked to stop; the run can be resumed.
    case stopped(RunState)
    /// Another process has taken the run over.
    case lost(RunState)
    /// The journal could not be written, so nothing was begun any more. `restored` tells of each balancer that was
    /// put back to the stable environment; empty when no traffic had moved.
    case journalLost(RunState, RunStoreError, restored: [String])
}

/// Drives one run: lease → fold → effects → events.
///
/// The only place with concurrency.
package struct Orchestrator: Sendable {
    let surroundings: RunSurroundings
    let run: RunID
    let lease: Lease
    let token: FencingToken

    /// `epoch` is the highest that any balancer has seen.
    package init(_ surroundings: RunSurroundings, run: RunID, lease: Lease, epoch: Int) {
        self.surroundings = surroundings
        self.run = run
        self.lease = lease
        token = FencingToken(epoch: epoch, counter: lease.fence)
    }

    /// Opens a run and drives it until it settles, waits or is stopped.
    ///
    /// `stops` asks it to leave.
    package func start(_ plan: Plan, playbook: String, stops: AsyncStream<Void>) async -> RunEnd {
        var plan = plan
        plan.startedBy = lease.holder.actor
        let event = RunEvent(at: surroundings.clock.now(), .started(plan: plan))
        let transition = Reducer.step(RunState(plan: plan), event)
        do throws(RunStoreError) {
            let entry = try await surroundings.store.open(
                run,
                event: event,
                effects: transition.effects,
                playbook: playbook,
                lease: lease
            )
            surroundings.observer.recorded(entry, before: nil, after: transition.state)
        } catch {
            guard error != .leaseLost else { return .lost(RunState(plan: plan)) }
            try? await surroundings.store.release(lease)
            return .journalLost(RunState(plan: plan), error, restored: [])
        }
        return await drive(transition.state, begin: .perform(transition.effects), stops: stops)
    }

    /// Takes over a run as it stands in the journal.
    ///
    /// `command` is obeyed before anything is done; `answering` is its number, where it was posted.
    package func resume(
        _ state: RunState,
        obeying command: PostedCommand?,
        answering number: Int? = nil,
        stops: AsyncStream<Void>
    ) async -> RunEnd {
        await drive(state, begin: .takeOver(by: lease.holder.actor, command, answering: number), stops: stops)
    }

    enum Beginning {
        case perform([PendingEffect])
        case takeOver(by: Actor, PostedCommand?, answering: Int?)
    }

    private func drive(_ state: RunState, begin: Beginning, stops: AsyncStream<Void>) async -> RunEnd {
        let end = await RunLoop(self, state).run(begin, stops: stops)
        await surroundings.watcher.close()
        if case .lost = end { return end }
        try? await surroundings.store.release(lease)
        return end
    }
}
