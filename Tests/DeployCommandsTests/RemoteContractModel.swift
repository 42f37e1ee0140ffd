@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Synchronization

/// What the service of a test knows: one run of `mina`, of which a part has happened.
final class ContractModel: Sendable {
    struct Contents {
        var script = Script()
        /// How many entries of the script have happened; `nil` for all.
        var happened: Int?
        var services = ["mina"]
        var refusal: String?
        var plan = "{\"service\":\"mina\", \"phases\":[], \"version\":\"v2.5.0\"}"
        var report = "# what happened"
        var state = "running"
        var lease: Lease?
        var begun: [String: Int] = [:]
        var commands: [String] = []
    }

    static let token = "bgd_Zx81SecretOfThisTest0000000000000000"

    private let contents: Mutex<Contents>

    init(_ contents: sending Contents = Contents()) { self.contents = Mutex(contents) }

    func change<Value: Sendable>(_ work: @Sendable (inout Contents) -> Value) -> Value {
        contents.withLock { work(&$0) }
    }

    var begun: [String: Int] { change { $0.begun } }
    var commands: [String] { change { $0.commands } }

    func reply(to request: ContractServer.Request) -> ContractServer.Reply {
        guard request.headers["authorization"] == "Bearer \(Self.token)" else {
            return .problem(401, "who asks? Send `Authorization: Bearer TOKEN`", code: 77)
        }
        let run = "/v1/runs/\(Script.run)"
        return change { contents in
            switch "\(request.method) \(request.path)" {
            case "GET /v1/services": contents.servicesReply
            case "GET /v1/services/mina": contents.statusReply
            case "GET /v1/services/mina/plan": contents.planReply(request)
            case "GET /v1/services/mina/lease": contents.leaseReply
            case "POST /v1/services/mina/runs": contents.begin(request)
            case "POST /v1/services/mina/rollback": contents.rollBack()
            case "PUT /v1/services/mina/traffic": .init(body: "{}")
            case "GET /v1/runs": .init(body: "{\"runs\":[\(contents.row)],\"next\":null}")
            case "GET \(run)", "GET \(run.prefix(21))": .init(body: contents.row)
            case "GET \(run)/journal": contents.journal(request)
            case "GET \(run)/report": .init(type: "text/markdown; charset=utf-8", body: contents.report)
            case "POST \(run)/commands": contents.post(request)
            case "GET /v1/commands/7": contents.commandReply
            case "GET /v1/audit":
                .init(body: "{\"entries\":3,\"head\":\"ab\",\"whole\":true,\"breach\":null}")
            default: .problem(404, "there is nothing at \(request.path)", code: 65)
            }
        }
    }
}

extension ContractModel.Contents {
    var entries: [JournalEntry] { Array(script.entries.prefix(happened ?? script.entries.count)) }

    var row: String {
        JSON.text(
            .object([
                ("run", .text(Script.run.rawValue)), ("service", .text("mina")),
                ("version", .text("v2.5.0")), ("state", .text(state)),
                ("startedAt", .text(Clock.iso(Script.begin))),
            ])
        )
    }

    fileprivate var servicesReply: ContractServer.Reply {
        let list = services.map { "{\"service\":\"\($0)\"}" }.joined(separator: ",")
        return .init(body: "{\"services\":[\(list)]}")
    }

    fileprivate var statusReply: ContractServer.Reply {
        .init(
            body: """
                {"run":"\(Script.run)","service":"mina","state":"\(state)","chosenUsers":null,
                 "balancers":[{"name":"edge","split":{"blue":75,"green":25},"fileSplit":{"blue":75,"green":25}}],
                 "drift":["edge: the file was changed"]}
                """
        )
    }

    fileprivate func planReply(_ request: ContractServer.Request) -> ContractServer.Reply {
        let isText = request.query["format"] == "text"
        return isText ? .init(type: "text/plain; charset=utf-8", body: "the plan\n") : .init(body: plan)
    }

    fileprivate var leaseReply: ContractServer.Reply {
        guard let lease, let data = try? JSONEncoder().encode(lease) else { return .init(body: "null") }
        return .init(body: String(decoding: data, as: UTF8.self))
    }

    fileprivate func journal(_ request: ContractServer.Request) -> ContractServer.Reply {
        let after = request.query["after"].flatMap { Int($0) } ?? 0
        // Small pages, so that every journal has several.
        let rest = entries.filter { $0.sequence > after }
        let page = Array(rest.prefix(3))
        guard let data = try? JSONEncoder().encode(page) else { return .problem(500, "broken", code: 69) }
        let next = rest.count > 3 ? "\(page.last?.sequence ?? 0)" : "null"
        return .init(body: "{\"entries\":\(String(decoding: data, as: UTF8.self)),\"next\":\(next)}")
    }

    fileprivate mutating func begin(_ request: ContractServer.Request) -> ContractServer.Reply {
        if let refusal { return .problem(409, refusal, code: 75) }
        begun[request.headers["idempotency-key"] ?? "", default: 0] += 1
        return .init(status: 201, body: row)
    }

    fileprivate mutating func rollBack() -> ContractServer.Reply {
        if let refusal { return .problem(403, refusal, code: 77) }
        happened = nil
        return .init(status: 202, body: row)
    }

    fileprivate mutating func post(_ request: ContractServer.Request) -> ContractServer.Reply {
        commands.append(request.body)
        happened = nil
        return .init(status: 202, body: "{\"command\":7}")
    }

    fileprivate var commandReply: ContractServer.Reply {
        .init(
            body: JSON.text(
                .object([
                    ("answered", .flag(true)), ("refusal", refusal.map { .text($0) } ?? .null),
                ])
            )
        )
    }
}
