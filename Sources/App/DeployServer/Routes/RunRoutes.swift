import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import HTTPTypes
import Hummingbird

/// Runs: their journals, their reports, and the commands to those that are going on.
struct RunRoutes {
    private static let pageLimit = 200
    private static let journalLimit = 1000

    private struct JournalPage: Encodable {
        let entries: [JournalEntry]
        /// After which entry the next page begins; `nil` at the end.
        let next: Int?
    }

    let office: Office
    let access: Access

    func add(to router: some RouterMethods<ServerContext>) {
        router.get("v1/runs", use: list)
        router.get("v1/runs/:run", use: show)
        router.get("v1/runs/:run/events", use: events)
        router.get("v1/runs/:run/journal", use: journal)
        router.get("v1/runs/:run/playbook", use: playbook)
        router.get("v1/runs/:run/report", use: report)
        router.get("v1/runs/:run/steps/:step/log", use: log)
        router.post("v1/runs/:run/commands", use: command)
        router.post("v1/runs/:run/notes", use: note)
        router.get("v1/commands/:command", use: reply)
        router.get("v1/audit", use: audit)
    }

    // MARK: looking

    @Sendable private func list(_ request: Request, _ context: ServerContext) async throws -> Response {
        let service = request.uri.queryParameters["service"].map(String.init)
        let principal = try context.allowed(.read, on: service)
        if let service, service.utf8.contains(0) { throw Problem(.notFound, "no service is called so") }
        let limit = try number("limit", in: request, 1...Self.pageLimit) ?? 20
        let cursor = request.uri.queryParameters["cursor"].map(String.init)
        if let cursor {
            let known = cursor.utf8.contains(0) ? nil : try await office.store.run(cursor)
            guard known?.id.rawValue == cursor else {
                throw Problem(
                    .unprocessableContent,
                    "`cursor`: expected the `next` of another page",
                    code: 64
                )
            }
        }
        let records = try await office.store.runs(
            of: service,
            before: cursor.map(RunID.init(rawValue:)),
            limit: limit + 1
        )
        var runs: [JSON] = []
        for record in records.prefix(limit)
        where !record.isLedger && principal.may(.read, on: record.service) {
            runs.append(try await RunHistory(store: office.store, service: nil).recorded(record).json)
        }
        let next = records.count > limit ? records[limit - 1].id.rawValue : nil
        return .json(
            .object([("runs", .list(runs)), ("next", next.map { .text($0) } ?? .null)])
        )
    }

    @Sendable private func show(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, run) = try await office.run(context, .read)
        return .json(run.json)
    }

    @Sendable private func events(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, run) = try await office.run(context, .read)
        let isStream = request.headers[.accept]?.contains("text/event-stream") == true
        let heard = request.headers[.lastEventID].flatMap { Int($0) }
        let after = try heard ?? number("after", in: request, 0...OpenAPI.lastNumber) ?? 0
        if isStream {
            return EventStream(run: run, after: after, office: office) { [access] in
                await access.stillLets(request, context)
            }.response
        }
        let limit = try number("limit", in: request, 1...Self.pageLimit) ?? Self.pageLimit
        var fold = JournalFold()
        var events: [JSON] = []
        var hasMore = false
        for entry in run.entries {
            guard let (before, state) = fold.step(entry), entry.sequence > after else { continue }
            guard events.count < limit else {
                hasMore = true
                break
            }
            events.append(EventJSON.object(of: entry, before: before, after: state))
        }
        let next: JSON = hasMore ? .number(after + events.count) : .null
        return .json(.object([("events", .list(events)), ("next", next)]))
    }

    /// As it is written, for a `bgdeploy` that folds it itself.
    @Sendable private func journal(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, record) = try await office.record(context, .read)
        let after = try number("after", in: request, 0...OpenAPI.lastNumber) ?? 0
        let entries = try await office.store.entries(of: record.id, after: after)
        let page = JournalPage(
            entries: Array(entries.prefix(Self.journalLimit)),
            next: entries.count > Self.journalLimit ? entries[Self.journalLimit - 1].sequence : nil
        )
        return try .encoded(page)
    }

    @Sendable private func playbook(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, record) = try await office.record(context, .read)
        return .text(try await office.store.playbook(of: record.id), "application/yaml; charset=utf-8")
    }

    @Sendable private func report(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, run) = try await office.run(context, .read)
        var report = RunReport(run, judge: await RunJudge.of(run, office.store))
        report.loads = RunReport.loads(of: run.record.id, below: office.desk.state.runs)
        switch request.uri.queryParameters["format"].map(String.init) ?? "markdown" {
        case "markdown": return .text(report.markdown, "text/markdown; charset=utf-8")
        case "html":
            // It has its style within, which a page of this server may not.
            var response = Response.text(report.html, "text/html; charset=utf-8")
            response.headers[.contentDisposition] = "attachment; filename=\"\(run.record.id).html\""
            return response
        case "json": return .json(report.json)
        case let other:
            throw Problem(
                .unprocessableContent,
                "`format`: expected markdown, html or json, found `\(other)`",
                code: 64
            )
        }
    }

    @Sendable private func log(_ request: Request, _ context: ServerContext) async throws -> Response {
        let (_, record) = try await office.record(context, .read)
        let step = try context.parameters.require("step")
        let folders = StepFolders(root: office.desk.state.runs)
        guard let text = folders.log(of: step, in: record.id) else {
            throw Problem(.notFound, "step \(step) of run \(record.id) left no output on this host")
        }
        return .text(text)
    }

    @Sendable private func audit(_ request: Request, _ context: ServerContext) async throws -> Response {
        _ = try context.allowed(.admin, on: nil)
        let report = try await office.store.verify()
        return .json(
            .object([
                ("entries", .number(report.entryCount)), ("head", .text(report.head)),
                ("whole", .flag(report.breach == nil)),
                ("breach", report.breach.map { .text($0) } ?? .null),
            ])
        )
    }

    private func number(
        _ name: String,
        in request: Request,
        _ range: ClosedRange<Int>
    ) throws -> Int? {
        guard let text = request.uri.queryParameters[Substring(name)] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let expected = range.upperBound == OpenAPI.lastNumber ? "\(range.lowerBound) or more" : "\(range)"
            throw Problem(
                .unprocessableContent,
                "`\(name)`: expected a number, \(expected), found `\(text)`",
                code: 64
            )
        }
        return number
    }

    // MARK: acting

    @Sendable private func command(_ request: Request, _ context: ServerContext) async throws -> Response {
        // Who may see nothing is not told what a body should be like.
        _ = try context.allowed(.read, on: nil)
        var request = request
        var body = try await BodyFields.read(&request, context)
        let sent = request
        let word = try body.requiredText("command")
        let (isFull, isGradual) = (try body.flag("full"), try body.flag("gradual"))
        let (isEarly, reason) = (try body.flag("early"), try body.text("reason"))
        try body.finish()
        guard
            let command = Command(word: word, isFull: isFull, isGradual: isGradual, isEarly: isEarly)
        else {
            let words = "approve, promote, pause, proceed, abort, rollback or retire"
            throw Problem(.unprocessableContent, "`command`: expected \(words), found `\(word)`", code: 64)
        }
        let (principal, run) = try await office.run(context, command.scope)
        if case .rollback = command {
            try await RunHistory(store: office.store, service: run.record.service).checkSchema(before: run)
        }
        return try await access.idempotency.once(sent, by: principal) {
            let id = try await office.post(command, reason, to: run, for: principal)
            return .json(.object([("command", .number(id))]), .accepted)
        }
    }

    @Sendable private func note(_ request: Request, _ context: ServerContext) async throws -> Response {
        _ = try context.allowed(.read, on: nil)
        var request = request
        var body = try await BodyFields.read(&request, context)
        let sent = request
        var texts: [Remark.Kind: [String]] = [:]
        for kind in Remark.Kind.allCases { texts[kind] = try body.texts(kind.rawValue) }
        let draft = RemarkDraft(texts: texts, owner: try body.text("owner"), due: try body.text("due"))
        try body.finish()
        let (principal, run) = try await office.run(context, .deploy)
        let remarks = try draft.remarks()
        return try await access.idempotency.once(sent, by: principal) {
            let notes = RunNotes(desk: office.desk(of: principal), store: office.store)
            try await notes.add(remarks, to: run)
            return .json(.object([("notes", .list(remarks.map(\.json)))]), .created)
        }
    }

    @Sendable private func reply(_ request: Request, _ context: ServerContext) async throws -> Response {
        _ = try context.allowed(.read, on: nil)
        guard let id = Int(try context.parameters.require("command")), id > 0 else {
            throw Problem(.notFound, "commands have numbers")
        }
        let unknown = Problem(.notFound, "there is no command \(id)")
        guard let run = try await office.store.run(ofCommand: id),
            let record = try await office.store.run(run.rawValue)
        else { throw unknown }
        // Who may not look at the run is not told of its commands.
        guard let principal = context.principal, principal.may(.read, on: record.service) else {
            throw unknown
        }
        let reply = try await office.store.reply(to: id)
        return .json(
            .object([
                ("answered", .flag(reply != nil)),
                ("refusal", reply?.refusal.map { .text($0) } ?? .null),
            ])
        )
    }
}
