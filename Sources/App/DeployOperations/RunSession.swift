import ChildProcesses
package import DeployCore
package import DeployEngine
package import DeployPorts
import Foundation
package import Playbooks
import JournalFormat

/// Begins runs, takes them over, and drives them to their end in this process.
package struct RunSession: Sendable {
    package let desk: Desk
    package let store: any StateStore
    package let observer: any RunObserver
    /// Each asks the run to leave.
    package let stops: AsyncStream<Void>
    package var leavesAtGates = false
    package var runsFollowUps = false
    /// Whether a paused run that is taken over goes on: that is a person's word.
    package var endsPauses = true

    package init(
        desk: Desk,
        store: any StateStore,
        observer: any RunObserver,
        stops: AsyncStream<Void>,
        leavesAtGates: Bool = false,
        runsFollowUps: Bool = false
    ) {
        self.desk = desk
        self.store = store
        self.observer = observer
        self.stops = stops
        self.leavesAtGates = leavesAtGates
        self.runsFollowUps = runsFollowUps
    }

    var clock: any Timekeeper { desk.clock }
    var notices: Notices { Notices(desk: desk, store: store) }

    // MARK: beginning

    /// Deploys a version: the environment that is not live becomes it.
    package func begin(_ order: RunOrder, of service: Service) async throws(CommandFailure) -> RunEnd {
        let version = order.version
        try await refuseIfHeld(service)
        let mark = await service.fleet.highestMark()
        let lease = try await acquire(
            service.name,
            purpose: "run \(version)",
            mark.token.counter,
            .onlyIfFree
        )
        let (frozen, run, surroundings) = try await preparing(lease) {
            () async throws(CommandFailure) -> (FrozenPlan, RunID, RunSurroundings) in
            // Another process may have begun a run, and left it, until the lease was ours.
            try await refuseIfUnsettled(service)
            let frozen = try await freeze(version, of: service, strategy: order.strategy)
            let run = order.identity ?? .new(at: clock.now())
            return (frozen, run, try await self.surroundings(service, frozen, run: run))
        }
        let orchestrator = Orchestrator(surroundings, run: run, lease: lease, epoch: mark.token.epoch)
        var begun = frozen.plan
        begun.epoch = mark.token.epoch
        begun.windowOverride = order.override(by: desk.actor)
        begun.reason = order.reason
        let plan = begun
        return await notices.accompanying(run, service.playbook, frozen, observer) {
            await orchestrator.start(plan, playbook: service.playbook.text, stops: stops)
        }
    }

    /// What a run of `version` would be, from what is observed now.
    package func freeze(
        _ version: Version,
        of service: Service,
        strategy: Playbook.Strategy?
    ) async throws(CommandFailure) -> FrozenPlan {
        try service.refuseWaysDown()
        let split = try await service.observedSplit()
        guard let stable = split.live else {
            throw CommandFailure(
                .failed,
                """
                the traffic of \(service.name) is divided (\(split)) and no run is under way
                Say which environment is to keep it first: bgdeploy traffic set \(split.environments[0])=100
                """
            )
        }
        let history = RunHistory(store: store, service: service.name)
        let previous = try? await history.version(of: stable)
        return Self.frozen(
            service,
            version: version,
            previous: previous,
            stable: stable,
            strategy: strategy,
            at: clock.now()
        )
    }

    /// Without `now` its windows have no times: those of a run that is resumed are in its journal.
    package static func frozen(
        _ service: Service,
        version: Version,
        previous: Version?,
        stable: EnvironmentName,
        strategy: Playbook.Strategy?,
        at now: Timestamp? = nil
    ) -> FrozenPlan {
        var playbook = service.playbook
        if let strategy { playbook.strategy = strategy }
        return playbook.plan(
            version: version,
            previousVersion: previous,
            stable: stable,
            candidate: service.environment(other: stable),
            at: now
        )
    }

    // MARK: taking over

    /// Goes on with `recorded`, obeying `command` first, the one of `number` where it was posted.
    package func takeOver(
        _ recorded: RecordedRun,
        _ current: Service,
        obeying command: PostedCommand?,
        answering number: Int? = nil,
        _ takeover: Takeover
    ) async throws(CommandFailure) -> RunEnd {
        try await refuseIfNotLatest(recorded)
        let (service, frozen) = try await thaw(recorded, current)
        let mark = await service.fleet.highestMark()
        let purpose = "\(command.map { $0.command.word } ?? "resume") \(recorded.record.version)"
        let lease = try await acquire(service.name, purpose: purpose, mark.token.counter, takeover)
        let token = FencingToken(epoch: mark.token.epoch, counter: lease.fence)
        let (now, order, surroundings) = try await preparing(lease) {
            () async throws(CommandFailure) -> (RecordedRun, PostedCommand?, RunSurroundings) in
            // What others wrote until the lease was ours.
            let now = try await RunHistory(store: store, service: service.name).run(
                recorded.record.id.rawValue
            )
            try await fence(service, token)
            let order = command == nil ? try await orders(mark, now.state, service) : command
            let surroundings = try await self.surroundings(
                service,
                frozen,
                run: recorded.record.id,
                earlier: now.notes,
                isWayBack: order?.command.isWayBack == true
            )
            return (now, order, surroundings)
        }
        let orchestrator = Orchestrator(
            surroundings,
            run: recorded.record.id,
            lease: lease,
            epoch: mark.token.epoch
        )
        return await notices.accompanying(recorded.record.id, service.playbook, frozen, observer) {
            await orchestrator.resume(now.state, obeying: order, answering: number, stops: stops)
        }
    }

    /// Has the balancers refuse whoever held the service before.
    private func fence(_ service: Service, _ token: FencingToken) async throws(CommandFailure) {
        do throws(BalancerFleet.Failure) {
            for unreached in try await service.fleet.raiseMarks(to: token) {
                observer.output(
                    "not reached, and so not fenced: \(unreached)",
                    of: StepID(rawValue: "takeover")
                )
            }
        } catch {
            throw CommandFailure(.held, error.reason)
        }
    }

    /// What a resumed run is told first, by looking at the world.
    private func orders(
        _ mark: BalancerMark,
        _ state: RunState,
        _ service: Service
    ) async throws(CommandFailure) -> PostedCommand? {
        var seen: [(name: String, split: Split?)] = []
        if TakeoverOrder.looksAtTraffic(state, mark) {
            do throws(BalancerFleet.Failure) {
                seen = try await service.fleet.splits()
            } catch {
                throw CommandFailure(error.isMisconfigured ? .badInput : .unavailable, error.reason)
            }
        }
        do throws(TakeoverOrder.Unexplained) {
            let order = try TakeoverOrder.first(
                for: state,
                mark,
                seen: seen,
                resumedBy: desk.actor,
                at: clock.now()
            )
            return order?.command == .proceed && !endsPauses ? nil : order
        } catch {
            throw CommandFailure(.failed, error.message)
        }
    }

    /// The run's own playbook, frozen when it began, and its steps as this version makes them.
    private func thaw(
        _ recorded: RecordedRun,
        _ current: Service
    ) async throws(CommandFailure) -> (Service, FrozenPlan) {
        let text: String
        do throws(RunStoreError) {
            text = try await store.playbook(of: recorded.record.id)
        } catch {
            throw CommandFailure(error)
        }
        let service = try Service(text: Array(text.utf8), path: current.playbook.path, clock: clock)
        let plan = recorded.state.plan
        let frozen = Self.frozen(
            service,
            version: plan.version,
            previous: plan.previousVersion,
            stable: plan.stable,
            strategy: plan.strategy(of: service.playbook)
        )
        return (service, frozen)
    }

    // MARK: parts

    /// Does `work` while the lease is renewed, and gives the lease back when it fails.
    ///
    /// `.held` when somebody else took it meanwhile: the run is theirs.
    private func preparing<Value: Sendable>(
        _ lease: Lease,
        _ work: @escaping @Sendable () async throws(CommandFailure) -> Value
    ) async throws(CommandFailure) -> Value {
        do throws(CommandFailure) {
            return try await lease.kept(in: store, clock, work) { loss in
                switch loss {
                case .lost: CommandFailure(.held, "another process has taken \(lease.service) over")
                case .tooLong:
                    CommandFailure(
                        .unavailable,
                        """
                        what the run needs was not there within \(Lease.workLimit); the traffic was not changed
                        `bgdeploy check --live` says which balancer does not answer
                        """
                    )
                }
            }
        } catch {
            try? await store.release(lease)
            throw error
        }
    }

    func acquire(
        _ service: String,
        purpose: String,
        _ floor: Int,
        _ takeover: Takeover
    ) async throws(CommandFailure) -> Lease {
        let holder = ProcessIdentity.current(actor: desk.actor, purpose: purpose)
        do throws(RunStoreError) {
            return try await store.acquireLease(
                on: service,
                for: holder,
                takeover: takeover,
                floor: floor,
                at: clock.now()
            )
        } catch {
            throw CommandFailure(error)
        }
    }

    /// `isWayBack`: a secret that cannot be had must not keep users from the old version.
    ///
    /// Only the steps that need it will fail.
    func surroundings(
        _ service: Service,
        _ frozen: FrozenPlan,
        run: RunID,
        earlier: [Note] = [],
        isWayBack: Bool = false
    ) async throws(CommandFailure) -> RunSurroundings {
        let playbook = service.playbook
        var values = Values()
        var gauges: [String: any Gauge] = [:]
        var connections: (any Gauge)?
        do throws(CommandFailure) {
            values = try await service.values(for: frozen.plan, run: run, environment: desk.environment)
            gauges = try Catalogue.gauges(of: playbook, values)
            connections = try Catalogue.connections(of: playbook, values)
        } catch {
            guard isWayBack else { throw error }
        }
        let redactor = Redactor(secrets: values.secrets.values)
        var surroundings = RunSurroundings(
            store: store,
            fleet: service.fleet,
            watcher: TrafficWatcher(
                plan: frozen.plan,
                sources: playbook.balancers.compactMap(\.source),
                gauges: gauges,
                probes: Catalogue.probes(of: playbook),
                rules: playbook.monitor.rules,
                settings: playbook.judgeSettings,
                earlier: earlier,
                clock: clock,
                observer: observer
            ),
            connectionsGauge: connections,
            actions: frozen.actions,
            policies: frozen.policies,
            values: values,
            folders: StepFolders(root: desk.state.runs),
            clock: clock,
            observer: observer,
            mask: { redactor.masked($0) },
            leavesAtGates: leavesAtGates
        )
        surroundings.runsFollowUps = runsFollowUps
        return surroundings
    }
}

extension Command {
    package var isWayBack: Bool {
        switch self {
        case .abort, .rollback: true
        case .approve, .pause, .proceed, .promote, .retire, .note: false
        }
    }

    /// As it is typed.
    package var word: String {
        switch self {
        case .approve: "approve"
        case .pause: "pause"
        case .proceed: "resume"
        case .promote: "promote"
        case .abort: "abort"
        case .rollback: "rollback"
        case .retire: "retire"
        case .note: "note"
        }
    }
}

extension Plan {
    /// The strategy that the plan was frozen with, which the command line may have chosen; what a plan does not
    /// say is as `playbook` has it.
    package func strategy(of playbook: Playbook) -> Playbook.Strategy? {
        for case .shift(let phase) in phases {
            return Playbook.Strategy(
                shares: phase.shares,
                hold: phase.hold,
                endsEarly: playbook.strategy.endsEarly,
                requiresEvidence: playbook.strategy.requiresEvidence,
                hasChosenUsers: phase.chosenUsers == true,
                holdback: phase.holdback
            )
        }
        return nil
    }
}

extension RunID {
    /// One that nobody had before.
    package static func new(at time: Timestamp) -> RunID {
        RunID(at: time, random: (UInt64.random(in: .min ... .max), UInt16.random(in: .min ... .max)))
    }
}
