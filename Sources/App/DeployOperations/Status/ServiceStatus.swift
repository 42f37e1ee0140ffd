package import DeployCore
import DeployEngine
package import DeployPorts

/// A service as it is: what the balancers do, and what the journal says.
package struct ServiceStatus {
    package struct Balancer {
        package let name: String
        package let result: Result<BalancerObservation, LoadBalancerError>

        package init(name: String, result: Result<BalancerObservation, LoadBalancerError>) {
            self.name = name
            self.result = result
        }
    }

    package let service: String
    package let balancers: [Balancer]
    package let run: RecordedRun?
    package let holder: LeaseHolder?
    /// A lease that was given back, rather than held by a process that is gone.
    package var isLeaseFree = true

    package init(
        service: String,
        balancers: [Balancer],
        run: RecordedRun?,
        holder: LeaseHolder?,
        isLeaseFree: Bool = true
    ) {
        self.service = service
        self.balancers = balancers
        self.run = run
        self.holder = holder
        self.isLeaseFree = isLeaseFree
    }

    package static func read(
        _ service: Service,
        _ store: any RunStore,
        run: String?
    ) async throws(CommandFailure) -> Self {
        let balancers = await service.fleet.observe().map { Balancer(name: $0.name, result: $0.result) }
        let history = RunHistory(store: store, service: service.name)
        do throws(RunStoreError) {
            let lease = try await store.lease(on: service.name)
            let holder = lease.flatMap { $0.mayAnswer(at: service.clock.now()) ? $0.holder : nil }
            if let run { return try await named(run, service, history, balancers, holder) }
            return Self(
                service: service.name,
                balancers: balancers,
                run: try await history.latest(),
                holder: holder,
                isLeaseFree: lease == nil
            )
        } catch {
            throw CommandFailure(error)
        }
    }

    private static func named(
        _ run: String,
        _ service: Service,
        _ history: RunHistory,
        _ balancers: [Balancer],
        _ holder: LeaseHolder?
    ) async throws(RunStoreError) -> Self {
        guard let record = try await history.store.run(run) else {
            throw .unavailable("there is no run \(run); `bgdeploy history` lists the runs")
        }
        return Self(
            service: service.name,
            balancers: balancers,
            run: try await history.recorded(record),
            holder: holder
        )
    }

    /// `running`, `interrupted`, `succeeded`, …; `idle` when there never was a run.
    package var state: String {
        guard let run else { return "idle" }
        let isAbandoned = holder == nil && !run.state.isSettled && !(isLeaseFree && run.state.isAtRest)
        return isAbandoned ? "interrupted" : run.state.condition.rawValue
    }

    /// The split that every balancer has; `nil` when they disagree or one cannot tell.
    package var observed: Split? {
        let splits = balancers.map { balancer -> Split? in
            guard case .success(let seen) = balancer.result else { return nil }
            return seen.split
        }
        guard let first = splits.first ?? nil, splits.allSatisfy({ $0?.isNearly(first) == true }) else {
            return nil
        }
        return first
    }

    /// What is not as it should be.
    package var remarks: [String] {
        var remarks: [String] = []
        for balancer in balancers {
            switch balancer.result {
            case .success(let seen): remarks += seen.remarks.map { "\(balancer.name): \($0)" }
            case .failure(let error): remarks.append("\(balancer.name): \(error.message)")
            }
        }
        if let run, run.state.isSettled, let observed, let expected = run.settledSplit,
            !observed.isNearly(expected)
        {
            remarks.append(
                "bgdeploy left \(expected), found \(observed): somebody else changed the traffic"
            )
        }
        return remarks
    }
}

extension RunState {
    /// The split that a settled run left behind, where it is known.
    package var settledSplit: Split? {
        switch stage {
        case .released, .ended(.rolledBack): split
        case .idle, .forward, .returning, .ended: nil
        }
    }
}
