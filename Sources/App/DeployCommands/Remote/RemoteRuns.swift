import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// What changes something at the service.
extension RemoteDesk {
    /// What is asked of a new run.
    struct Order: Sendable {
        let version: String
        let strategy: String?
        let reason: String?
        /// Whether it goes through closed windows, for ``reason``.
        let overridesWindows: Bool
        /// The same one never begins two runs.
        let key: String
    }

    /// `green=25` or `green=25%`; whether there is such an environment, the service knows.
    struct Share: Sendable {
        let environment: String
        let percent: Double

        init(_ text: String) throws(CommandFailure) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2,
                let share = Double(parts[1].hasSuffix("%") ? parts[1].dropLast() : parts[1][...]),
                (0...100).contains(share)
            else {
                throw CommandFailure(
                    .usage,
                    "`\(text)`: expected a split such as green=25, with a share from 0 to 100"
                )
            }
            (environment, percent) = (parts[0], share)
        }
    }

    struct WayBack: Sendable {
        let gradual: Bool
        let force: Bool
        let reason: String?
    }

    func begin(_ order: Order, of service: String) async throws(CommandFailure) -> RunID {
        struct Begun: Decodable { let run: String }
        let body = JSON.object(
            [("version", JSON.text(order.version))] + (order.strategy.map { [("strategy", .text($0))] } ?? [])
                + (order.reason.map { [("reason", .text($0))] } ?? [])
                + (order.overridesWindows ? [("override_window", .flag(true))] : [])
        )
        return try await asked { () async throws(RemoteFailure) in
            let path = RemotePath("services", service, "runs")
            let begun = try await server.write("POST", path, body, key: order.key, Begun.self)
            return RunID(rawValue: begun.run)
        }
    }

    /// Follows `run` from its first event; leaves at a gate where it is asked to.
    func follow(
        _ run: RunID,
        _ observer: any RunObserver,
        after sequence: Int = 0,
        leavesAtGates: Bool = false
    ) async throws(CommandFailure) -> ExitStatus {
        let state = try await RunFollower(desk: self, run: run)
            .follow(after: sequence, observer) { state, _ in
                state.isSettled || leavesAtGates && state.isAtRest
            }
        if !state.isSettled {
            let what = state.waiting.map { "waits for \($0.kind): \($0.title)" } ?? "is paused"
            tell("the run \(what); \(state.split)\nIt goes on at the service as soon as somebody decides.")
        }
        return ExitStatus(of: state)
    }

    /// Puts the traffic back, and shows how; what happened before `run`'s last event is not shown again.
    func rollBack(
        _ run: RecordedRun,
        _ order: WayBack,
        _ observer: any RunObserver
    ) async throws(CommandFailure) -> ExitStatus {
        struct Answer: Decodable {}
        let body = JSON.object([
            ("run", .text(run.record.id.rawValue)), ("gradual", .flag(order.gradual)),
            ("force", .flag(order.force)), ("reason", order.reason.map { .text($0) } ?? .null),
        ])
        let path = RemotePath("services", run.record.service, "rollback")
        _ = try await asked { () async throws(RemoteFailure) in
            try await server.write("POST", path, body, Answer.self)
        }
        let known = run.lastEvent
        let state = try await RunFollower(desk: self, run: run.record.id)
            .follow(after: known, observer) { state, last in
                if case .ended = state.stage { last > known } else { false }
            }
        return state.condition == .rollbackFailed ? .rollbackFailed : .done
    }

    /// Takes the environment that `run` left behind out of service, and shows how; `nil` where nobody has taken the
    /// command yet.
    func retire(
        _ run: RecordedRun,
        early: Bool,
        _ reason: String?,
        _ observer: any RunObserver
    ) async throws(CommandFailure) -> ExitStatus? {
        guard try await steer(.retire(early: early), reason, run) else { return nil }
        let state = try await RunFollower(desk: self, run: run.record.id)
            .follow(after: run.lastEvent, observer) { state, _ in
                state.pending.allSatisfy { if case .wait = $0.effect { true } else { false } }
            }
        return state.retiredAt == nil ? .failed : .done
    }

    /// Sends `command` to the process that drives `run`, and waits for its answer; `false` where nobody drives the
    /// run now, so that the command lies ready for who takes it up.
    func steer(
        _ command: Command,
        _ reason: String?,
        _ run: RecordedRun
    ) async throws(CommandFailure) -> Bool {
        struct Posted: Decodable { let command: Int }
        struct Reply: Decodable {
            let answered: Bool
            let refusal: String?
        }
        let body = JSON.object(command.fields + [("reason", reason.map { .text($0) } ?? .null)])
        let path = RemotePath("runs", run.record.id.rawValue, "commands")
        let posted = try await asked { () async throws(RemoteFailure) in
            try await server.write("POST", path, body, Posted.self)
        }
        let deadline = clock.now().advanced(by: Self.patience)
        while clock.now() < deadline {
            let reply = try await asked { () async throws(RemoteFailure) in
                let reply = try await server.read(Reply.self, RemotePath("commands", "\(posted.command)"))
                if !reply.answered { try await server.wait(.milliseconds(100)) }
                return reply
            }
            guard reply.answered else { continue }
            guard let refusal = reply.refusal else { return true }
            throw CommandFailure(.failed, refusal)
        }
        do throws(RunStoreError) {
            guard try await store.lease(on: run.record.service) != nil else { return false }
        } catch {
            throw CommandFailure(error)
        }
        throw CommandFailure(
            .held,
            "the process that drives run \(run.record.id) does not answer; `bgdeploy rollback` takes the run over"
        )
    }

    /// Writes down what a person knows of `run`.
    func note(_ draft: RemarkDraft, _ run: RunID) async throws(CommandFailure) {
        struct Answer: Decodable {}
        _ = try await asked { () async throws(RemoteFailure) in
            try await server.write("POST", RemotePath("runs", run.rawValue, "notes"), draft.json, Answer.self)
        }
    }

    /// How long who drives the run may take to answer.
    private static var patience: Span { .seconds(10) }

    /// The run called so, or the latest of `service`, which must not have ended.
    func openRun(_ identity: String?, of service: String?) async throws(CommandFailure) -> RecordedRun {
        let recorded = try await RunHistory(store: store, service: service).run(identity)
        guard !recorded.state.isSettled else {
            throw CommandFailure(
                .failed,
                "run \(recorded.record.id) has ended already: \(recorded.state.condition.rawValue)"
            )
        }
        return recorded
    }

    /// Stops the run, and waits until the traffic is back.
    func abort(_ run: RecordedRun, _ reason: String?) async throws(CommandFailure) -> ExitStatus {
        _ = try await steer(.abort, reason, run)
        let state = try await RunFollower(desk: self, run: run.record.id)
            .follow(after: 0, nil) { state, _ in state.isSettled }
        if let (_, text) = Telling.ending(nil, state) { tell(text) }
        return state.condition == .rollbackFailed ? .rollbackFailed : .done
    }

    func setTraffic(
        _ share: Share,
        of service: String,
        reason: String?
    ) async throws(CommandFailure) {
        struct Answer: Decodable {}
        let body = JSON.object([
            ("split", .object([(share.environment, .decimal(share.percent))])),
            ("reason", reason.map { .text($0) } ?? .null),
        ])
        _ = try await asked { () async throws(RemoteFailure) in
            try await server.write("PUT", RemotePath("services", service, "traffic"), body, Answer.self)
        }
    }
}

extension Command {
    /// As the service reads it.
    fileprivate var fields: [(String, JSON)] {
        switch self {
        case .note: [("command", .text("note"))]
        case .approve: [("command", .text("approve"))]
        case .pause: [("command", .text("pause"))]
        case .proceed: [("command", .text("proceed"))]
        case .abort: [("command", .text("abort"))]
        case .promote(let full): [("command", .text("promote")), ("full", .flag(full))]
        case .rollback(let gradual): [("command", .text("rollback")), ("gradual", .flag(gradual))]
        case .retire(let early): [("command", .text("retire")), ("early", .flag(early))]
        }
    }
}
