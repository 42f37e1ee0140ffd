import DeployCore
import DeployOperations
import DeployPorts
import HTTPTypes

/// What people ask for, through the API or on a page.
extension Office {
    /// As it was typed.
    struct RunRequest {
        let version: String
        var strategy: String?
        var reason: String?
        var overridesWindows = false
        /// Whether it waits for its turn when another run is not settled.
        var mayWait = false
        /// What the run is to be called; `nil` for a new identity.
        var identity: RunID?
    }

    enum Begun {
        case run(RecordedRun)
        /// The key under which it waits.
        case queued(String)
    }

    /// Begins a run, or queues it where the request says so.
    func begin(
        _ request: RunRequest,
        of service: Service,
        for principal: Principal
    ) async throws -> Begun {
        let version = try service.version(request.version)
        let order = try RunOrder(
            version,
            strategy: try request.strategy.map { text throws(CommandFailure) in try service.strategy(text) },
            reason: request.reason,
            overridesWindows: request.overridesWindows,
            identity: request.identity
        )
        do throws(CommandFailure) {
            let run = try await conductor.begin(order, of: service, by: principal.actor)
            return .run(try await RunHistory(store: store, service: service.name).run(run.rawValue))
        } catch {
            guard error.status == .held, request.mayWait else { throw error }
        }
        return .queued(
            try await conductor.queue.add(
                QueuedRun(
                    service: service.name,
                    version: version,
                    strategy: request.strategy,
                    by: principal.actor,
                    reason: request.reason,
                    overridesWindows: request.overridesWindows,
                    at: desk.clock.now()
                ),
                as: request.identity ?? .new(at: desk.clock.now())
            )
        )
    }

    struct RollbackOrder {
        /// The latest run without one.
        var run: String?
        var isGradual = false
        var isForced = false
        var reason: String?
    }

    /// Takes a run over and has it put users back; with a message where there is nothing to take back.
    func rollBack(
        _ order: RollbackOrder,
        of service: Service,
        for principal: Principal
    ) async throws -> (run: RecordedRun, message: String?) {
        let history = RunHistory(store: store, service: service.name)
        let wanted =
            if let identity = order.run { try await store.run(identity) } else {
                try await store.runs(of: service.name, limit: 1).first
            }
        guard let wanted, wanted.service == service.name else {
            let what = order.run.map { "no run \($0)" } ?? "no run to take back"
            throw Problem(.notFound, "\(service.name) has \(what)", code: ExitStatus.unavailable.rawValue)
        }
        let run = try await history.recorded(wanted)
        if let live = run.nothingToTakeBack { return (run, "nothing to take back: \(live) is live") }
        if !order.isForced {
            try await history.checkSchema(before: run)
        } else if order.reason?.isEmpty != false {
            throw Problem(
                .unprocessableContent,
                "`force` goes into the journal: say why with `reason`",
                code: 64
            )
        }
        let command = PostedCommand(
            command: .rollback(gradual: order.isGradual),
            by: principal.actor,
            reason: order.reason,
            at: desk.clock.now()
        )
        try await conductor.takeOver(run, service, obeying: command)
        return (try await history.run(run.record.id.rawValue), nil)
    }

    /// Posts a command to a run that takes it; returns its number.
    func post(
        _ command: Command,
        _ reason: String?,
        to run: RecordedRun,
        for principal: Principal
    ) async throws -> Int {
        let posted = PostedCommand(
            command: command,
            by: principal.actor,
            reason: reason,
            at: desk.clock.now()
        )
        let event = RunEvent(
            at: posted.at,
            .commanded(command: posted.command, by: posted.by, reason: posted.reason)
        )
        if let refusal = Reducer.step(run.state, event).refusal {
            throw Problem(.conflict, refusal, code: ExitStatus.failed.rawValue)
        }
        return try await store.post(posted, to: run.record.id)
    }
}

extension Command {
    /// `nil` for a word that is none.
    init?(word: String, isFull: Bool, isGradual: Bool, isEarly: Bool = false) {
        switch word {
        case "approve": self = .approve
        case "promote": self = .promote(full: isFull)
        case "pause": self = .pause
        case "proceed", "resume": self = .proceed
        case "abort": self = .abort
        case "rollback": self = .rollback(gradual: isGradual)
        case "retire": self = .retire(early: isEarly)
        default: return nil
        }
    }

    var scope: Scope { self == .approve ? .approve : .deploy }
}
