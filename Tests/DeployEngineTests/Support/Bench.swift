import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing
import TrafficJudgement

/// One service and everything around it, simulated; processes come and go.
struct Bench: Sendable {
    let simulation: Simulation
    let plan: Plan
    let store = MemoryRunStore()
    let folders = MemoryFolders()
    let probe = FakeProbe()
    let observer = RecordingObserver()
    let balancers: [FakeBalancer]
    let run = RunID(rawValue: "RUN00000000000000000000001")
    var steps: [StepID: FakeStep] = [:]
    var policies: [StepID: StepPolicy] = [:]
    var values = Values()
    var sources: [any MetricsSource] = []
    var gauges: [String: any Gauge] = [:]
    var rules = MetricRule.defaults
    var settings = JudgeSettings()
    var probes: (any SyntheticTraffic)?
    var leavesAtGates = false
    var runsFollowUps = false
    var windowOverride: WindowOverride?
    var whenUnreachable = UnreachablePolicy.stop

    var clock: ManualClock { simulation.clock }

    /// Every step takes two seconds, succeeds, and goes on without us.
    ///
    /// With `sharesFile`, all balancers are entries of one file.
    init(
        _ release: Release = Release(),
        balancers count: Int = 1,
        commitLength: Span = .milliseconds(20),
        sharesFile: Bool = false
    ) {
        let file = FakeBalancer.Place()
        let simulation = Simulation()
        self.simulation = simulation
        plan = release.plan
        balancers = (0..<count).map { number in
            FakeBalancer(
                sharesFile ? "one.conf" : "balancer \(number + 1)",
                stable: Release.blue,
                candidate: Release.green,
                clock: simulation.clock,
                commitLength: commitLength,
                place: sharesFile ? file : FakeBalancer.Place()
            )
        }
        for step in plan.actions {
            set(step.id.rawValue, [.succeeds(after: .seconds(2))], survivesUs: true)
        }
    }

    @discardableResult
    mutating func set(
        _ id: String,
        _ script: [FakeStep.Act],
        isReadOnly: Bool = false,
        survivesUs: Bool = false,
        reconciliation: Reconciliation? = nil
    ) -> FakeStep {
        let step = FakeStep(
            id,
            script: script,
            isReadOnly: isReadOnly,
            survivesUs: survivesUs,
            reconciliation: reconciliation,
            clock: clock
        )
        steps[StepID(rawValue: id)] = step
        return step
    }

    func step(_ id: String) -> FakeStep {
        steps[StepID(rawValue: id)] ?? { preconditionFailure("the plan has no step \(id)") }()
    }

    /// The candidate's shares that came into force at the first balancer.
    var shares: [Int] { balancers[0].splits.map { $0.share(of: Release.green).tenths / 10 } }
    var share: Percent { balancers[0].split.share(of: Release.green) }

    // MARK: processes

    func holder(_ number: Int = 1) -> LeaseHolder {
        LeaseHolder(
            host: "near",
            boot: "b",
            process: number,
            startTicks: 1,
            actor: Actor("process \(number)"),
            purpose: "run"
        )
    }

    var fleet: BalancerFleet {
        let environments = [(Release.blue, "b:1"), (Release.green, "g:1")].map {
            EnvironmentSpec(name: $0.0, url: "http://\($0.1)", servers: [$0.1])
        }
        return BalancerFleet(
            balancers,
            environments: environments,
            whenUnreachable: whenUnreachable,
            probe: probe,
            clock: clock
        )
    }

    private func surroundings(_ store: any RunStore) -> RunSurroundings {
        var surroundings = RunSurroundings(
            store: store,
            fleet: fleet,
            watcher: TrafficWatcher(
                plan: plan,
                sources: sources,
                gauges: gauges,
                probes: probes,
                rules: rules,
                settings: settings,
                earlier: notes("traffic"),
                clock: clock,
                observer: observer
            ),
            actions: steps,
            policies: policies,
            values: values,
            folders: folders,
            clock: clock,
            observer: observer,
            mask: { [secrets = values.secrets.values] text in
                secrets.reduce(text) {
                    $0.split(separator: $1, omittingEmptySubsequences: false).joined(separator: "***")
                }
            },
            leavesAtGates: leavesAtGates
        )
        surroundings.runsFollowUps = runsFollowUps
        return surroundings
    }

    private func acquire(
        _ holder: Int,
        _ takeover: Takeover,
        _ mark: BalancerMark
    ) async throws(RunStoreError) -> Lease {
        try await store.acquireLease(
            on: plan.service,
            for: self.holder(holder),
            takeover: takeover,
            floor: mark.token.counter,
            at: clock.now()
        )
    }

    /// As `bgdeploy run` does it.
    func start(
        store: (any RunStore)? = nil,
        holder: Int = 1,
        stops: AsyncStream<Void> = .makeStream().stream
    ) async throws -> RunEnd {
        let mark = await fleet.highestMark()
        let lease = try await acquire(holder, .onlyIfFree, mark)
        let token = FencingToken(epoch: mark.token.epoch, counter: lease.fence)
        _ = try await fleet.raiseMarks(to: token)
        let orchestrator = Orchestrator(
            surroundings(store ?? self.store),
            run: run,
            lease: lease,
            epoch: mark.token.epoch
        )
        var plan = plan
        plan.windowOverride = windowOverride
        return await orchestrator.start(plan, playbook: "service: mina\n", stops: stops)
    }

    /// As `bgdeploy resume` does it, or `rollback` with a command.
    func resume(
        _ command: Command? = nil,
        takeover: Takeover = .onlyIfFree,
        holder: Int = 2,
        stops: AsyncStream<Void> = .makeStream().stream
    ) async throws -> RunEnd {
        let mark = await fleet.highestMark()
        let lease = try await acquire(holder, takeover, mark)
        let state = try #require(Reducer.fold(try await store.entries(of: run, after: 0).map(\.event)))
        let token = FencingToken(epoch: mark.token.epoch, counter: lease.fence)
        _ = try await fleet.raiseMarks(to: token)
        var obeyed = command
        if obeyed == nil, state.pause != nil { obeyed = .proceed }
        let posted = obeyed.map {
            PostedCommand(command: $0, by: self.holder(holder).actor, reason: nil, at: clock.now())
        }
        let orchestrator = Orchestrator(
            surroundings(store),
            run: run,
            lease: lease,
            epoch: mark.token.epoch
        )
        return await orchestrator.resume(state, obeying: posted, stops: stops)
    }

    // MARK: driving

    /// Runs `engine` with somebody at a desk beside it, and returns when both have ended.
    func drive(
        limit: Span = .minutes(180),
        _ engine: @escaping @Sendable (AsyncStream<Void>) async throws -> RunEnd,
        desk work: @escaping @Sendable (Desk) async throws -> Void = { _ in }
    ) async throws -> RunEnd {
        let (stops, stopper) = AsyncStream<Void>.makeStream()
        let desk = Desk(bench: self, stopper: stopper)
        return try await simulation.run(limit: limit) {
            try await withThrowingTaskGroup(of: RunEnd?.self) { group in
                group.addTask { try await engine(stops) }
                group.addTask {
                    try await work(desk)
                    return nil
                }
                var end: RunEnd?
                for try await result in group { end = result ?? end }
                return try #require(end)
            }
        }
    }

    /// Starts the run and drives it to its end.
    func drive(
        limit: Span = .minutes(180),
        desk work: @escaping @Sendable (Desk) async throws -> Void = { _ in }
    ) async throws -> RunEnd {
        try await drive(limit: limit, { try await start(stops: $0) }, desk: work)
    }

    /// What was noted under `topic`, in order.
    func notes(_ topic: String) -> [Note] {
        store.chain.compactMap { entry in
            if case .noted(let note) = entry.event.kind, note.topic == topic { note } else { nil }
        }
    }

    /// What was told of effects that succeeded and watches that passed, in order.
    var summaries: [String] {
        store.chain.compactMap { entry in
            switch entry.event.kind {
            case .succeeded(_, _, let summary): summary
            case .judged(_, .passed(let summary)): summary
            default: nil
            }
        }
    }

    /// What no engine may do, wherever it was noticed.
    var violations: [String] {
        balancers.flatMap(\.violations) + steps.values.flatMap(\.violations)
            + sources.compactMap { $0 as? ScriptedSource }.flatMap(\.violations)
    }
}
