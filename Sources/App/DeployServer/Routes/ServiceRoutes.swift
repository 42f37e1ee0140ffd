import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import Hummingbird

/// Services: where each stands, what a run would do, runs that begin, traffic that is put back.
struct ServiceRoutes {
    let office: Office
    let access: Access

    func add(to router: some RouterMethods<ServerContext>) {
        router.get("v1/services", use: list)
        router.get("v1/services/:service", use: status)
        router.get("v1/services/:service/plan", use: plan)
        router.get("v1/services/:service/lease", use: lease)
        router.get("v1/services/:service/queue", use: queue)
        router.delete("v1/services/:service/queue/:run", use: dismiss)
        router.post("v1/services/:service/runs", use: begin)
        router.post("v1/services/:service/rollback", use: rollBack)
        router.put("v1/services/:service/traffic", use: setTraffic)
    }

    // MARK: looking

    @Sendable private func list(_ request: Request, _ context: ServerContext) async throws -> Response {
        let principal = try context.allowed(.read, on: nil)
        let listed = office.directory.list().filter { principal.may(.read, on: $0.name) }
        let services = await office.board.look(at: listed).map(Self.summary)
        return .json(.object([("services", .list(services))]))
    }

    /// `seenAt`: when the balancers and the journal said so, some seconds ago at most.
    private static func summary(of seen: StatusBoard.Seen) -> JSON {
        let time = ("seenAt", JSON.text(Clock.iso(seen.at)))
        switch seen.status {
        case .success(let status):
            guard case .object(let fields) = status.json else { return .null }
            return .object(fields + [time])
        case .failure(let failure):
            return .object([("service", .text(seen.name)), ("error", .text(failure.message)), time])
        }
    }

    @Sendable private func status(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, service) = try office.service(context, .read)
        return .json(try await ServiceStatus.read(service, office.store, run: nil).json)
    }

    @Sendable private func plan(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (principal, service) = try office.service(context, .read)
        guard let text = request.uri.queryParameters["version"].map(String.init) else {
            throw Problem(.unprocessableContent, "the query needs `version`", code: 64)
        }
        let session = RunSession(
            desk: office.desk(of: principal),
            store: office.store,
            observer: office.hub.unheard,
            stops: AsyncStream { _ in }
        )
        let strategy = try request.uri.queryParameters["strategy"].map { try service.strategy(String($0)) }
        let view = try await PlanView.of(try service.version(text), service, strategy, session)
        // As a terminal without colours shows it.
        if request.uri.queryParameters["format"] == "text" {
            return .text(view.text(Style(usesColor: false)))
        }
        return .json(view.json)
    }

    @Sendable private func lease(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, service) = try office.service(context, .read)
        return try .encoded(try await office.store.lease(on: service.name))
    }

    @Sendable private func queue(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, service) = try office.service(context, .read)
        let waiting = try await office.conductor.queue.runs(of: service.name)
        return .json(.object([("queue", .list(waiting.map { json($0.key, $0.run) }))]))
    }

    private func json(_ key: String, _ run: QueuedRun) -> JSON {
        .object([
            ("queued", .text(key)), ("version", .text(run.version.rawValue)),
            ("by", .text(run.by.name)), ("at", .text(Clock.iso(run.at))),
            ("reason", run.reason.map { .text($0) } ?? .null),
            ("failure", run.failure.map { .text($0) } ?? .null),
        ])
    }

    // MARK: acting

    @Sendable private func begin(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (principal, service) = try office.service(context, .deploy)
        var request = request
        let body = try await BodyFields.read(&request, context)
        return try await access.idempotency.once(
            request,
            by: principal,
            begun: { try await begun($0, of: service) }
        ) { identity in
            var body = body
            let order = Office.RunRequest(
                version: try body.requiredText("version"),
                strategy: try body.text("strategy"),
                reason: try body.text("reason"),
                overridesWindows: try body.flag("override_window"),
                mayWait: try body.flag("queue"),
                identity: identity
            )
            try body.finish()
            switch try await office.begin(order, of: service, for: principal) {
            case .run(let run): return .json(run.json, .created)
            case .queued(let key): return .json(.object([("queued", .text(key))]), .accepted)
            }
        }
    }

    /// What a request was answered that began `run`, or would have been; `nil` where it did not.
    private func begun(_ run: RunID, of service: Service) async throws -> Response? {
        let history = RunHistory(store: office.store, service: service.name)
        if let record = try await office.store.run(run.rawValue) {
            return .json(try await history.recorded(record).json, .created)
        }
        let waiting = try await office.conductor.queue.runs(of: service.name)
        guard let queued = waiting.first(where: { $0.key.hasSuffix("/\(run)") }) else { return nil }
        return .json(.object([("queued", .text(queued.key))]), .accepted)
    }

    @Sendable private func rollBack(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (principal, service) = try office.service(context, .deploy)
        var request = request
        let body = try await BodyFields.read(&request, context)
        return try await access.idempotency.once(request, by: principal) {
            var body = body
            let order = Office.RollbackOrder(
                run: try body.text("run"),
                isGradual: try body.flag("gradual"),
                isForced: try body.flag("force"),
                reason: try body.text("reason")
            )
            try body.finish()
            let (run, message) = try await office.rollBack(order, of: service, for: principal)
            if let message { return .json(Self.taken(run, message)) }
            return .json(run.json, run.state.isSettled ? .ok : .accepted)
        }
    }

    private static func taken(_ run: RecordedRun, _ message: String) -> JSON {
        guard case .object(let fields) = run.json else { return .null }
        return .object(fields + [("message", .text(message))])
    }

    @Sendable private func setTraffic(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (principal, service) = try office.service(context, .deploy)
        var request = request
        var body = try await BodyFields.read(&request, context)
        let wanted = try body.numbers("split")
        let reason = try body.text("reason")
        try body.finish()
        guard wanted.count == 1, let (name, share) = wanted.first else {
            throw Problem(
                .unprocessableContent,
                "`split`: name one environment, the other gets the rest",
                code: 64
            )
        }
        let split = try service.split("\(name)=\(JSON.text(.decimal(share)))")
        let desk = office.desk(of: principal)
        return try await access.idempotency.once(request, by: principal) {
            try await desk.holding(service, office.store, "traffic set \(split)") {
                lease,
                token throws(CommandFailure) in
                try await HandSetSplit(desk: desk, service: service, lease: lease, token: token)
                    .set(split, RunHistory(store: office.store, service: service.name), reason)
            }
            return .json(try await ServiceStatus.read(service, office.store, run: nil).json)
        }
    }

    /// Takes a run out of the queue that has not begun.
    @Sendable private func dismiss(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, service) = try office.service(context, .deploy)
        let key = "\(service.name)/\(try context.parameters.require("run"))"
        guard try await office.conductor.queue.remove(key) else {
            throw Problem(.notFound, "nothing waits as \(key); it may have begun")
        }
        return .json(.object([("queued", .text(key))]))
    }
}
