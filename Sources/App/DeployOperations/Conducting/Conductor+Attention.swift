import DeployCore
import DeployEngine
import DeployPorts
import Logging
import JournalFormat

/// What a service needs of somebody who is there all the time.
extension Conductor {
    private static let pace = Span.seconds(1)

    /// Looks after every service once a second until this process stops.
    ///
    /// What is wrong with one of them keeps no other from being looked after, and is logged once.
    func lookAround() async {
        var complaints: [String: String] = [:]
        var settled: [String: Settled] = [:]
        while !isStopping {
            for listed in directory.list() where !drivenServices.contains(listed.name) {
                guard case .success(let service) = listed.service else { continue }
                let complaint = await complaint { () async throws(CommandFailure) in
                    try await self.attend(to: service, &settled)
                }
                if let complaint, complaints[listed.name] != complaint {
                    logger.warning(
                        "service needs a person",
                        metadata: ["service": "\(listed.name)", "reason": "\(complaint)"]
                    )
                }
                complaints[listed.name] = complaint
            }
            let complaint = await complaint { () async throws(CommandFailure) in
                try await self.attendToRunbooks(&settled)
            }
            if let complaint, complaints[""] != complaint {
                logger.warning("runbook needs a person", metadata: ["reason": "\(complaint)"])
            }
            complaints[""] = complaint
            do { try await desk.clock.sleep(for: Self.pace) } catch { return }
        }
    }

    private func complaint(_ work: () async throws(CommandFailure) -> Void) async -> String? {
        do throws(CommandFailure) {
            try await work()
            return nil
        } catch {
            return error.message
        }
    }

    /// Goes on with the service's run if nobody drives it, begins the next one that waits if there is none.
    private func attend(
        to service: Service,
        _ settled: inout [String: Settled]
    ) async throws(CommandFailure) {
        do throws(RunStoreError) {
            if let record = try await store.runs(of: service.name, limit: 1).first,
                let (run, posted) = try await unfinished(record, &settled)
            {
                return try await attend(to: run, posted, of: service)
            }
        } catch {
            throw CommandFailure(error)
        }
        try await beginNext(of: service)
    }

    /// `record`'s run and the commands that wait for it, where something is to be done for it; `nil` when it is over.
    private func unfinished(
        _ record: RunRecord,
        _ settled: inout [String: Settled]
    ) async throws(RunStoreError) -> (run: RecordedRun, posted: [PostedCommand.Waiting])? {
        let posted = try await store.postedCommands(of: record.id)
        let isKnown = try await settled[record.service]?.isAllOf(record.id, in: store) == true
        guard !isKnown || !posted.isEmpty else { return nil }
        let run = try await RunHistory(store: store, service: record.service).recorded(record)
        let isOver = run.state.isSettled && !hasWork(run.state)
        settled[record.service] = isOver && !run.state.hasFollowUps ? Settled(run) : nil
        if isOver { await Notices(desk: desk, store: store).tellRest(of: run.record.id) }
        let isAsked = posted.contains { run.refusal(of: $0.posted) == nil }
        return !isOver || isAsked ? (run, posted) : nil
    }

    /// Goes on with the latest run of each runbook of a service that is served here.
    ///
    /// What is older than the journal's last hundred runs has long been left by somebody.
    private func attendToRunbooks(_ settled: inout [String: Settled]) async throws(CommandFailure) {
        let served = Set(directory.list().map(\.name))
        do throws(RunStoreError) {
            var seen = drivenServices
            for record in try await store.runs(of: nil, limit: 100) where record.isOfRunbook {
                guard served.contains(RunbookPart.service(ofLedger: record.service)),
                    seen.insert(record.service).inserted,
                    let (run, posted) = try await unfinished(record, &settled)
                else { continue }
                let runbook: Service
                do throws(CommandFailure) {
                    runbook = try await Service(runbookOf: record, store, clock: desk.clock)
                } catch {
                    throw .unreadable(error.message)
                }
                try await attend(to: run, posted, of: runbook)
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    /// A run that was over when it was read, and how far it was read.
    struct Settled {
        private let run: RunID
        private let lastEvent: Int

        init(_ run: RecordedRun) {
            self.run = run.record.id
            lastEvent = run.lastEvent
        }

        /// Whether nothing of `run` is unknown.
        func isAllOf(_ run: RunID, in store: any StateStore) async throws(RunStoreError) -> Bool {
            guard run == self.run else { return false }
            return try await store.entries(of: run, after: lastEvent).isEmpty
        }
    }

    /// Whether a released run has a follow-up that is due.
    private func hasWork(_ state: RunState) -> Bool {
        state.hasFollowUps
            && state.pending.contains { pending in
                if case .wait(_, let until) = pending.effect { until <= desk.clock.now() } else { true }
            }
    }

    private func attend(
        to run: RecordedRun,
        _ posted: [PostedCommand.Waiting],
        of service: Service
    ) async throws(RunStoreError) {
        guard try await isAbandoned(service.name) else { return }
        guard run.state.takeovers < RunState.takeoverLimit else {
            throw .unavailable(
                """
                run \(run.record.id) ended its process \(run.state.takeovers) times at the same point; the traffic is \
                left as it is: \(run.state.split)
                Take it back: bgdeploy rollback. Try once more: bgdeploy resume --force
                """
            )
        }
        let isPaused = run.state.pause != nil && run.state.isAtRest
        let isOver = run.state.isSettled && !hasWork(run.state)
        guard isPaused || isOver else { return resume(run, service, obeying: nil) }
        // To go on with a paused run, or to change what is over, is a person's word.
        if let order = posted.first(where: { run.refusal(of: $0.posted) == nil }) {
            resume(run, service, obeying: order)
        }
    }

    /// Whether no living process holds the service; one of another host counts until its lease ends.
    private func isAbandoned(_ service: String) async throws(RunStoreError) -> Bool {
        try await store.lease(on: service).map { !$0.isHeld(at: desk.clock.now()) } ?? true
    }

    // MARK: the queue

    /// Begins the run that waits longest.
    ///
    /// One that cannot be begun at all stays in the queue with the reason; the next one is not kept from its turn.
    private func beginNext(of service: Service) async throws(CommandFailure) {
        do throws(RunStoreError) {
            guard let (key, id, run) = try await queue.next(of: service.name) else { return }
            if try await store.run(id.rawValue) == nil {
                do throws(CommandFailure) {
                    let strategy = try run.strategy.map { text throws(CommandFailure) in
                        try service.strategy(text)
                    }
                    let order = try RunOrder(
                        run.version,
                        strategy: strategy,
                        reason: run.reason,
                        overridesWindows: run.overridesWindows ?? false,
                        identity: id
                    )
                    _ = try await begin(order, of: service, by: run.by)
                } catch {
                    // Another process was faster, or something is away: it keeps its place.
                    guard ![.held, .unavailable].contains(error.status) else { return }
                    return try await queue.refuse(key, because: error.message)
                }
            }
            _ = try await queue.remove(key)
        } catch {
            throw CommandFailure(error)
        }
    }
}
