package import DeployCore
import DeployEngine
package import DeployPorts
import Playbooks
import JournalFormat

/// A split that a person sets outside of any run.
package struct HandSetSplit {
    package let desk: Desk
    package let service: Service
    package let lease: Lease
    package let token: FencingToken

    package init(desk: Desk, service: Service, lease: Lease, token: FencingToken) {
        self.desk = desk
        self.service = service
        self.lease = lease
        self.token = token
    }

    package func set(
        _ split: Split,
        _ history: RunHistory,
        _ reason: String?
    ) async throws(CommandFailure) {
        let refusal: BalancerFleet.Failure?
        let latest = try await settled(history)
        do throws(RunStoreError) {
            let (run, plan) = try await journal(latest, history)
            try await note("asked for \(split)", reason, in: run, history)
            refusal = await route(split)
            if let refusal {
                try await note("failed: \(refusal.reason)", nil, in: run, history)
            } else {
                let facts = [Note.candidateTenths: "\(split.share(of: plan.candidate).tenths)"]
                try await note("is \(split)", reason, in: run, history, facts)
            }
        } catch {
            throw CommandFailure(error)
        }
        if let refusal { throw CommandFailure(refusal.isMisconfigured ? .badInput : .failed, refusal.reason) }
    }

    /// The latest run; one that is not settled decides on the traffic itself.
    private func settled(_ history: RunHistory) async throws(CommandFailure) -> RecordedRun? {
        let latest: RecordedRun?
        do throws(RunStoreError) {
            latest = try await history.latest()
        } catch {
            throw CommandFailure(error)
        }
        guard let latest, !latest.state.isSettled else { return latest }
        throw CommandFailure(
            .failed,
            """
            run \(latest.record.id) (\(latest.record.version)) is not settled and decides on the traffic
            Use `bgdeploy promote`, `bgdeploy abort` or `bgdeploy rollback`
            """
        )
    }

    private func route(_ split: Split) async -> BalancerFleet.Failure? {
        do throws(BalancerFleet.Failure) {
            try await service.fleet.route(split, token: token)
            return nil
        } catch {
            return error
        }
    }

    /// The latest run's journal tells what was done by hand after it; a service without any gets one for that.
    private func journal(
        _ latest: RecordedRun?,
        _ history: RunHistory
    ) async throws(RunStoreError) -> (RunID, Plan) {
        if let latest { return (latest.record.id, latest.state.plan) }
        guard let version = Version(rawValue: "0-by-hand"), service.environmentNames.count == 2 else {
            throw .unavailable("the playbook names no two environments")
        }
        let plan = Plan(
            service: service.name,
            version: version,
            stable: service.environmentNames[0],
            candidate: service.environmentNames[1],
            phases: [],
            playbookDigest: service.playbook.digest
        )
        let event = RunEvent(at: desk.clock.now(), .started(plan: plan))
        let run = RunID.new(at: event.at)
        _ = try await history.store.open(
            run,
            event: event,
            effects: [],
            playbook: service.playbook.text,
            lease: lease
        )
        return (run, plan)
    }

    private func note(
        _ text: String,
        _ reason: String?,
        in run: RunID,
        _ history: RunHistory,
        _ facts: [String: String] = [:]
    ) async throws(RunStoreError) {
        let why = reason.map { ": \($0)" } ?? ""
        let note = Note(
            topic: Note.trafficSet,
            text: "traffic set by \(desk.actor): \(text)\(why)",
            facts: facts
        )
        let event = RunEvent(at: desk.clock.now(), .noted(note: note))
        _ = try await history.store.append(event, effects: [], to: run, lease: lease)
    }
}

extension Desk {
    /// Does `work` while holding the service's lease, renewed meanwhile, with a token above every mark.
    ///
    /// `.held` when somebody else took it meanwhile, `.unavailable` after 2 minutes: what became of the traffic is
    /// not known then.
    package func holding<Value: Sendable>(
        _ service: Service,
        _ store: any RunStore,
        _ purpose: String,
        _ work: @escaping @Sendable (Lease, FencingToken) async throws(CommandFailure) -> Value
    ) async throws(CommandFailure) -> Value {
        let mark = await service.fleet.highestMark()
        let lease: Lease
        do throws(RunStoreError) {
            lease = try await store.acquireLease(
                on: service.name,
                for: ProcessIdentity.current(actor: actor, purpose: purpose),
                takeover: .onlyIfFree,
                floor: mark.token.counter,
                at: clock.now()
            )
        } catch {
            throw CommandFailure(error)
        }
        let token = FencingToken(epoch: mark.token.epoch, counter: lease.fence)
        let result: Result<Value, CommandFailure>
        do throws(CommandFailure) {
            let value = try await lease.kept(in: store, clock) { () async throws(CommandFailure) in
                try await work(lease, token)
            } failing: { loss in
                let see = "what became of the traffic is not known: bgdeploy traffic show"
                return switch loss {
                case .lost: CommandFailure(.held, "another process has taken \(service.name) over; \(see)")
                case .tooLong: CommandFailure(.unavailable, "not done within \(Lease.workLimit); \(see)")
                }
            }
            result = .success(value)
        } catch {
            result = .failure(error)
        }
        try? await store.release(lease)
        return try result.get()
    }
}

extension Note {
    /// The topic of what `traffic set` notes.
    package static let trafficSet = "traffic set"
    /// The fact under which the share of the run's candidate is noted, in tenths of a percent.
    package static let candidateTenths = "candidate_tenths"
}
