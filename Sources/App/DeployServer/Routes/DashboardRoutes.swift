import DeployCore
import DeployOperations
import DeployPorts
import HTTPTypes
import Hummingbird
import NIOCore

/// The pages, and the forms on them.
struct DashboardRoutes {
    private static let pageLength = 50
    private static let logLimit = 4000

    let office: Office
    let access: Access

    func add(to router: some RouterMethods<ServerContext>) {
        router.get("assets/dashboard.css") { _, _ in Self.asset(Dashboard.css, "text/css") }
        router.get("assets/dashboard.js") { _, _ in Self.asset(Dashboard.script, "text/javascript") }
        router.get("login", use: loginPage)
        router.post("login", use: logIn)
        router.post("logout", use: logOut)
        get("", router, overview)
        get("services/:service", router, service)
        get("runs/:run", router, run)
        get("runs/:run/report", router, report)
        get("history", router, history)
        router.post("services/:service/run", use: start)
        router.post("services/:service/rollback", use: rollBack)
        router.post("services/:service/queue/:run/dismiss", use: dismiss)
        router.post("runs/:run/:command", use: command)
    }

    private static func asset(_ text: String, _ type: String) -> Response {
        var response = Response.text(text, "\(type); charset=utf-8")
        response.headers[.cacheControl] = "private, max-age=300"
        return response
    }

    // MARK: pages

    /// A page for who is logged in; others are sent to the login, and a problem is a page as well.
    private func get(
        _ path: RouterPath,
        _ router: some RouterMethods<ServerContext>,
        _ page: @escaping @Sendable (Request, ServerContext, Visitor) async throws -> String
    ) {
        router.get(path) { request, context in
            guard let visitor = visitor(context) else {
                let next = request.uri.path.replacing("%", with: "%25").replacing("&", with: "%26")
                return Self.redirect(to: "/login?next=\(next)")
            }
            return try await answering(request, context) {
                .text(try await page(request, context, visitor), "text/html; charset=utf-8")
            }
        }
    }

    private func visitor(_ context: ServerContext) -> Visitor? {
        context.principal.map { Visitor(principal: $0, csrf: context.session?.csrf) }
    }

    private func answering(
        _ request: Request,
        _ context: ServerContext,
        _ work: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await work()
        } catch let problem as Problem {
            return page(of: problem, context)
        } catch let failure as CommandFailure {
            return page(of: Problem(failure), context)
        } catch let error as RunStoreError {
            return page(of: Problem(CommandFailure(error)), context)
        }
    }

    private func page(of problem: Problem, _ context: ServerContext) -> Response {
        let text = Dashboard.problem(
            status: problem.status.code,
            title: problem.status.reasonPhrase,
            detail: problem.detail,
            visitor: visitor(context),
            now: office.desk.clock.now()
        )
        var response = Response.text(text, "text/html; charset=utf-8", problem.status)
        for field in problem.headers { response.headers[field.name] = field.value }
        return response
    }

    @Sendable private func overview(
        _ request: Request,
        _ context: ServerContext,
        _ visitor: Visitor
    ) async throws -> String {
        let listed = office.directory.list().filter { visitor.principal.may(.read, on: $0.name) }
        var entries: [Dashboard.ServiceEntry] = []
        for seen in await office.board.look(at: listed) {
            entries.append(await entry(seen.name, seen.status, at: seen.at))
        }
        return Dashboard.overview(services: entries, visitor: visitor, now: office.desk.clock.now())
    }

    private func entry(
        _ name: String,
        _ status: Result<ServiceStatus, CommandFailure>,
        at time: Timestamp
    ) async -> Dashboard.ServiceEntry {
        let history = RunHistory(store: office.store, service: name)
        let isKnown = (try? status.get()) != nil
        return Dashboard.ServiceEntry(
            name: name,
            status: status,
            lastRelease: isKnown ? try? await history.lastRelease() : nil,
            seenAt: time
        )
    }

    /// As it is now.
    private func entry(_ listed: ServiceDirectory.Listed) async -> Dashboard.ServiceEntry {
        let now = office.desk.clock.now()
        do throws(CommandFailure) {
            let status = try await ServiceStatus.read(try listed.service.get(), office.store, run: nil)
            return await entry(listed.name, .success(status), at: now)
        } catch {
            return await entry(listed.name, .failure(error), at: now)
        }
    }

    @Sendable private func service(
        _ request: Request,
        _ context: ServerContext,
        _ visitor: Visitor
    ) async throws -> String {
        let name = try context.parameters.require("service")
        _ = try context.allowed(.read, on: name)
        return try await servicePage(name, visitor, problem: nil)
    }

    private func servicePage(
        _ name: String,
        _ visitor: Visitor,
        problem: String?,
        typed: [String: String] = [:]
    ) async throws -> String {
        guard let listed = office.directory.list().first(where: { $0.name == name }) else {
            throw Problem(.notFound, "no service is called \(name) here")
        }
        let history = RunHistory(store: office.store, service: name)
        var runs: [RunSummary] = []
        for record in try await office.store.runs(of: name, limit: 10) {
            runs.append(RunSummary(try await history.recorded(record)))
        }
        let entry = await entry(listed)
        let latest = try? entry.status.get().run
        let page = Dashboard.ServicePage(
            service: entry,
            runs: runs,
            waiting: try await office.conductor.queue.runs(of: name).map { key, run in
                Dashboard.WaitingRun(id: RunID(rawValue: String(key.dropFirst(name.count + 1))), run: run)
            },
            obstacle: await obstacle(latest),
            problem: problem,
            typed: typed
        )
        return Dashboard.service(page, visitor: visitor, now: office.desk.clock.now())
    }

    /// What speaks against putting users back; `nil` where that is not known.
    private func obstacle(_ run: RecordedRun?) async -> String? {
        guard let run else { return nil }
        let history = RunHistory(store: office.store, service: run.record.service)
        let earlier = (try? await history.attempts(before: run)) ?? []
        return run.state.schemaObstacle(after: earlier.map(\.state))
    }

    @Sendable private func run(
        _ request: Request,
        _ context: ServerContext,
        _ visitor: Visitor
    ) async throws -> String {
        let (_, run) = try await office.run(context, .read)
        let service = try? office.directory.service(run.record.service)
        var status: ServiceStatus?
        if let service { status = try? await ServiceStatus.read(service, office.store, run: nil) }
        let page = Dashboard.RunPage(
            run: run,
            status: status,
            report: await runReport(run),
            logs: logs(of: run),
            obstacle: await obstacle(run)
        )
        return Dashboard.run(page, visitor: visitor, now: office.desk.clock.now())
    }

    private func runReport(_ run: RecordedRun) async -> RunReport {
        var report = RunReport(run, judge: await RunJudge.of(run, office.store))
        report.loads = RunReport.loads(of: run.record.id, below: office.desk.state.runs)
        return report
    }

    private func logs(of run: RecordedRun) -> [StepID: Dashboard.StepLog] {
        let folders = StepFolders(root: office.desk.state.runs)
        var logs: [StepID: Dashboard.StepLog] = [:]
        let plan = run.state.plan
        let steps = plan.phases.flatMap { phase -> [Step] in
            switch phase {
            case .steps(let phase): phase.groups.flatMap(\.self)
            case .drain(let phase): phase.request.map { [$0] } ?? []
            case .shift, .monitor: []
            }
        }
        let later = plan.rollback.steps + plan.followUps.map(\.step) + (plan.retirement?.steps ?? [])
        for step in steps + later {
            let name = step.id.rawValue.replacing("/", with: "-")
            guard let text = folders.log(of: name, in: run.record.id), !text.isEmpty else { continue }
            logs[step.id] = Dashboard.StepLog(
                end: String(text.suffix(Self.logLimit)),
                isCut: text.count > Self.logLimit
            )
        }
        return logs
    }

    @Sendable private func report(
        _ request: Request,
        _ context: ServerContext,
        _ visitor: Visitor
    ) async throws -> String {
        let (_, run) = try await office.run(context, .read)
        return Dashboard.report(await runReport(run), visitor: visitor, now: office.desk.clock.now())
    }

    @Sendable private func history(
        _ request: Request,
        _ context: ServerContext,
        _ visitor: Visitor
    ) async throws -> String {
        let asked = request.uri.queryParameters["service"].map(String.init)
        let service = asked.flatMap { $0.isEmpty ? nil : $0 }
        let cursor = request.uri.queryParameters["cursor"].map(String.init)
        _ = try context.allowed(.read, on: service)
        let records = try await office.store.runs(
            of: service,
            before: cursor.map(RunID.init(rawValue:)),
            limit: Self.pageLength + 1
        )
        var runs: [RunSummary] = []
        for record in records.prefix(Self.pageLength)
        where !record.isLedger && visitor.principal.may(.read, on: record.service) {
            runs.append(RunSummary(try await RunHistory(store: office.store, service: nil).recorded(record)))
        }
        let page = Dashboard.HistoryPage(
            runs: runs,
            services: office.directory.list().map(\.name).filter { visitor.principal.may(.read, on: $0) },
            service: service,
            next: records.count > Self.pageLength ? records[Self.pageLength - 1].id.rawValue : nil,
            isContinued: cursor != nil
        )
        return Dashboard.history(page, visitor: visitor, now: office.desk.clock.now())
    }

    // MARK: the door

    @Sendable private func loginPage(_ request: Request, _ context: ServerContext) async throws -> Response {
        let next = request.uri.queryParameters["next"].map(String.init)
        return .text(Dashboard.login(problem: nil, next: next), "text/html; charset=utf-8")
    }

    @Sendable private func logIn(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await answering(request, context) {
            let form = try await Form.read(request, context)
            guard let cookie = try await access.logIn(with: form["token"] ?? "", context) else {
                let problem = "No token is like this, or it is over."
                let page = Dashboard.login(problem: problem, next: form["next"])
                return .text(page, "text/html; charset=utf-8", .unauthorized)
            }
            // A path of this server alone: browsers read `//` and `/\` as another one's name.
            let next = form["next"].flatMap { path in
                let isOurs = path.hasPrefix("/") && !path.hasPrefix("//")
                return isOurs && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }
                    ? path : nil
            }
            var response = Self.redirect(to: next ?? "/")
            response.setCookie(cookie)
            return response
        }
    }

    @Sendable private func logOut(_ request: Request, _ context: ServerContext) async throws -> Response {
        var response = Self.redirect(to: "/login")
        response.setCookie(try await access.logOut(request))
        return response
    }

    private static func redirect(to path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path])
    }

    // MARK: forms

    @Sendable private func start(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await answering(request, context) {
            let (principal, service) = try office.service(context, .deploy)
            let form = try await Form.read(request, context)
            let order = Office.RunRequest(
                version: form["version"] ?? "",
                strategy: form["strategy"],
                reason: form["reason"],
                mayWait: form["queue"] != nil
            )
            do {
                guard case .run(let run) = try await office.begin(order, of: service, for: principal) else {
                    return Self.redirect(to: Place.service(service.name).path)
                }
                return Self.redirect(to: Place.run(run.record.id).path)
            } catch let failure as CommandFailure {
                // What was typed wrong is said where it was typed.
                guard let visitor = visitor(context) else { throw failure }
                let page = try await servicePage(
                    service.name,
                    visitor,
                    problem: failure.message,
                    typed: form.fields
                )
                return .text(page, "text/html; charset=utf-8", Problem(failure).status)
            }
        }
    }

    /// What is out of the queue already may have begun: the page says which.
    @Sendable private func dismiss(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await answering(request, context) {
            let (_, service) = try office.service(context, .deploy)
            let key = "\(service.name)/\(try context.parameters.require("run"))"
            _ = try await office.conductor.queue.remove(key)
            return Self.redirect(to: Place.service(service.name).path)
        }
    }

    @Sendable private func rollBack(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await answering(request, context) {
            let (principal, service) = try office.service(context, .deploy)
            let form = try await Form.read(request, context)
            let order = Office.RollbackOrder(
                run: form["run"],
                isGradual: form["gradual"] != nil,
                isForced: form["force"] != nil,
                reason: form["reason"]
            )
            let (run, _) = try await office.rollBack(order, of: service, for: principal)
            return Self.redirect(to: Place.run(run.record.id).path)
        }
    }

    @Sendable private func command(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await answering(request, context) {
            let form = try await Form.read(request, context)
            let word = try context.parameters.require("command")
            let command = Command(word: word, isFull: form["full"] != nil, isGradual: form["gradual"] != nil)
            guard let command else { throw Problem(.notFound, "`\(word)` is no command") }
            let (principal, run) = try await office.run(context, command.scope)
            if case .rollback(let isGradual) = command,
                let service = try office.directory.service(run.record.service)
            {
                let order = Office.RollbackOrder(
                    run: run.record.id.rawValue,
                    isGradual: isGradual,
                    isForced: form["force"] != nil,
                    reason: form["reason"]
                )
                _ = try await office.rollBack(order, of: service, for: principal)
            } else {
                _ = try await office.post(command, form["reason"], to: run, for: principal)
            }
            return Self.redirect(to: Place.run(run.record.id).path)
        }
    }
}
