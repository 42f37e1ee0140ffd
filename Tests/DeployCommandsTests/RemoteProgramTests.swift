@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Foundation
import Testing

/// The program itself, against a service: what it prints, and the codes that it ends with.
struct RemoteProgramTests {
    private func released() -> ContractModel {
        let model = ContractModel()
        model.change { contents in
            contents.script.goToFirstHold()
            contents.script.finish()
            contents.state = "succeeded"
        }
        return model
    }

    private func rolledBack(shown happened: Int?) -> ContractModel {
        let model = ContractModel()
        model.change { contents in
            contents.script.goToFirstHold()
            contents.script.judge(.rollBack(reason: "5 % errors"), after: .seconds(9))
            contents.script.finish()
            contents.happened = happened
        }
        return model
    }

    @Test func `a run is followed to its end and shown as one of this host`() async throws {
        let server = try ContractServer(released())
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0", "--strategy", "10%,100%"], at: server)
        #expect(try await program.end() == 0)
        #expect(program.output.contains("mina v2.5.0 goes to green; blue is live with v2.4.1"))
        #expect(program.output.contains("mina v2.5.0 is live on green"))
        let order = try #require(server.requests("POST", "/v1/services/mina/runs").first)
        #expect(order.body == "{\"version\":\"v2.5.0\",\"strategy\":\"10%,100%\"}")
        #expect(order.headers["idempotency-key"]?.isEmpty == false)
        #expect(server.model.begun.count == 1)
    }

    @Test func `a rolled back run ends with its code, and every event is a line of JSON`() async throws {
        let server = try ContractServer(rolledBack(shown: nil))
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0", "--output", "json", "--key", "job-9"], at: server)
        #expect(try await program.end() == 3)
        let lines = program.output.split(separator: "\n")
        #expect(lines.count == server.model.change { $0.entries.count })
        #expect(lines.allSatisfy { $0.hasPrefix("{\"run\":\"\(Script.run)\"") })
        #expect(Array(server.model.begun.keys) == ["job-9"])
    }

    @Test func `a service that goes away is waited for until it is back`() async throws {
        let model = released()
        model.change { $0.happened = 3 }
        let server = try ContractServer(model)
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0"], at: server)
        try await program.wait { program.output.contains("mina v2.5.0 goes to green") }
        server.stop()
        try await program.wait { program.errors.contains("trying again until the service is back") }
        model.change { $0.happened = nil }
        try server.start()
        #expect(try await program.end() == 0)
        #expect(program.errors.contains("\(server.url) answers again"))
        let begins = program.output.split(separator: "\n").filter { $0.contains("goes to green;") }
        #expect(begins.count == 1, "no event is shown twice")
        #expect(program.output.contains("is live on green"))
        #expect(model.begun.count == 1)
    }

    @Test func `a token that is revoked meanwhile ends the following, not the run`() async throws {
        let model = released()
        model.change { $0.happened = 3 }
        let server = try ContractServer(model) { request in
            guard request.path.hasSuffix("journal"), request.query["after"] != "0" else { return nil }
            return .problem(401, "who asks?", code: 77)
        }
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0"], at: server)
        #expect(try await program.end() == 77)
        #expect(program.errors.contains("is not followed any more, and goes on at the service"))
    }

    @Test(arguments: [(Int32(SIGINT), Int32(130)), (Int32(SIGTERM), Int32(143))])
    func `a signal ends the following and leaves the run`(_ signal: Int32, _ code: Int32) async throws {
        let model = released()
        model.change { $0.happened = 3 }
        let server = try ContractServer(model)
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0"], at: server)
        try await program.wait { program.output.contains("mina v2.5.0 goes to green") }
        program.send(signal)
        #expect(try await program.end() == code)
        #expect(program.errors.contains("run \(Script.run) goes on at \(server.url)"))
        #expect(program.errors.contains("bgdeploy events \(Script.run) --follow --server \(server.url)"))
        #expect(program.errors.contains("bgdeploy abort \(Script.run) --server \(server.url)"))
        #expect(model.commands.isEmpty)
    }

    @Test func `a run that is handed over leaves its identity alone on standard output`() async throws {
        let server = try ContractServer(released())
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0", "--detach"], at: server)
        #expect(try await program.end() == 5)
        #expect(program.output == "\(Script.run)\n")
        #expect(program.errors.contains("bgdeploy events \(Script.run) --follow"))
    }

    @Test func `a gate is left with code 5 where that was asked for`() async throws {
        let model = ContractModel()
        model.change { $0.script.goToGate() }
        let server = try ContractServer(model)
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0", "--no-wait"], at: server)
        #expect(try await program.end() == 5)
        #expect(program.errors.contains("waits for approval: release manager"))
    }

    @Test func `what the service refuses ends with the code that it gives`() async throws {
        let model = ContractModel()
        model.change { $0.refusal = "mina is held by `run v2.4.1` of ana" }
        let server = try ContractServer(model)
        defer { server.stop() }
        let program = try RemoteProgram(["run", "v2.5.0"], at: server)
        #expect(try await program.end() == 75)
        #expect(program.errors.contains("mina is held by `run v2.4.1` of ana"))
    }

    @Test func `commands to a run are posted and answered`() async throws {
        let model = ContractModel()
        model.change { $0.script.goToGate() }
        let server = try ContractServer(model)
        defer { server.stop() }
        let approve = try RemoteProgram(["approve", "--reason", "looks good"], at: server)
        #expect(try await approve.end() == 0)
        #expect(approve.output == "approved\n")
        let promote = try RemoteProgram(["promote", Script.run.rawValue, "--full"], at: server)
        #expect(try await promote.end() == 0)
        #expect(
            model.commands == [
                "{\"command\":\"approve\",\"reason\":\"looks good\"}",
                "{\"command\":\"promote\",\"full\":true,\"reason\":null}",
            ]
        )
        model.change { $0.refusal = "the run is not paused" }
        let pause = try RemoteProgram(["pause"], at: server)
        #expect(try await pause.end() == 1)
        #expect(pause.errors == "bgdeploy: the run is not paused\n")
    }

    @Test func `an aborted run is waited for`() async throws {
        let server = try ContractServer(rolledBack(shown: 9))
        defer { server.stop() }
        let program = try RemoteProgram(["abort", "--reason", "wrong version"], at: server)
        #expect(try await program.end() == 0)
        #expect(program.errors.contains("rolled back; blue has all traffic"))
        #expect(server.model.commands == ["{\"command\":\"abort\",\"reason\":\"wrong version\"}"])
    }

    @Test func `a rollback is asked for and shown from there on`() async throws {
        let server = try ContractServer(rolledBack(shown: 9))
        defer { server.stop() }
        let program = try RemoteProgram(["rollback", "--reason", "errors"], at: server)
        #expect(try await program.end() == 0)
        #expect(!program.output.contains("goes to green"), "what was before is not shown again")
        #expect(program.output.contains("rolled back; blue has all traffic"))
        let order = try #require(server.requests("POST", "/v1/services/mina/rollback").first)
        #expect(order.body.hasPrefix("{\"run\":\"\(Script.run)\",\"gradual\":false,\"force\":false"))
        let again = try RemoteProgram(["rollback"], at: server)
        #expect(try await again.end() == 0)
        #expect(again.output.hasPrefix("nothing to take back: run \(Script.run) ended as rolledBack"))
        #expect(server.requests("POST", "/v1/services/mina/rollback").count == 1)
    }

    @Test func `what is looked at is printed as on this host`() async throws {
        let server = try ContractServer(released())
        defer { server.stop() }
        func output(_ arguments: String...) async throws -> String {
            let program = try RemoteProgram(arguments, at: server)
            #expect(try await program.end() == 0, "\(arguments): \(program.errors)")
            return program.output
        }
        #expect(try await output("status", "--output", "json").contains("\"live\": null"))
        #expect(try await output("traffic") == "edge  blue 75 %, green 25 %\n! edge: the file was changed\n")
        #expect(try await output("traffic", "set", "green=25") == "blue 75 %, green 25 %\n")
        #expect(
            server.requests.last { $0.method == "PUT" }?.body == "{\"split\":{\"green\":25},\"reason\":null}"
        )
        #expect(try await output("plan", "v2.5.0") == "the plan\n")
        let plan = "{\n \"service\": \"mina\",\n \"phases\": [],\n \"version\": \"v2.5.0\"\n}\n"
        #expect(try await output("plan", "v2.5.0", "--output", "json") == plan)
        #expect(try await output("run", "v2.5.0", "--dry-run") == "the plan\n")
        #expect(try await output("history").hasPrefix("\(Script.run)  "))
        #expect(try await output("report") == "# what happened\n")
        #expect(try await output("audit") == "3 entries, the chain is whole; head ab\n")
        #expect(try await output("events", "--follow").contains("is live on green"))
        #expect(server.model.begun.isEmpty)
    }

    @Test func `a server that has several services wants to know which`() async throws {
        let model = released()
        model.change { $0.services = ["mina", "shop"] }
        let server = try ContractServer(model)
        defer { server.stop() }
        let program = try RemoteProgram(["status"], at: server)
        #expect(try await program.end() == 64)
        #expect(program.errors.contains("has mina, shop: say which is meant with --service"))
        let named = try RemoteProgram(["status", "--service", "mina"], at: server)
        #expect(try await named.end() == 0)
        let unknown = try RemoteProgram(["status", "--service", "../shop"], at: server)
        #expect(try await unknown.end() == 65)
        #expect(server.requests.last?.path == "/v1/services/../shop")
    }

    @Test func `commands of this host say so`() async throws {
        let server = try ContractServer()
        defer { server.stop() }
        for arguments in [
            ["doctor"], ["init"], ["check"], ["health"], ["demo"], ["traffic", "render", "green=25"],
            ["migrations", "lint", "x.sql"], ["adopt"], ["traffic", "install"], ["rollback", "--emergency"],
        ] {
            let program = try RemoteProgram(arguments + ["--server", server.url], at: nil)
            #expect(try await program.end() == 64, "\(arguments)")
            #expect(program.errors.contains("acts on this host and takes no --server"), "\(arguments)")
        }
        let adopt = try RemoteProgram(["adopt"], at: nil, ["BGDEPLOY_SERVER": server.url])
        #expect(try await adopt.end() == 64)
        let check = try RemoteProgram(["check", "--schema"], at: nil, ["BGDEPLOY_SERVER": server.url])
        #expect(try await check.end() == 0)
        #expect(server.requests.isEmpty)
    }

    @Test func `what cannot be reached, and what would be readable, is told before anything is sent`()
        async throws
    {
        let server = try ContractServer()
        server.stop()
        let away = try RemoteProgram(["status"], at: server)
        #expect(try await away.end() == 69)
        #expect(away.errors.contains("Does `bgdeploy serve` run there"))
        let open = try RemoteProgram(["status", "--server", "http://deploy.example.org"], at: nil)
        #expect(try await open.end() == 64)
        let both = try RemoteProgram(["status", "--state", "sqlite:/tmp/x.db"], at: server)
        #expect(try await both.end() == 64)
        let detached = try RemoteProgram(["run", "v1", "--detach"], at: nil)
        #expect(try await detached.end() == 64)
        #expect(detached.errors.contains("--server"))
    }

    @Test func `a token comes from a file or the environment and is never shown`() async throws {
        let server = try ContractServer(released()) { request in
            request.path == "/v1/services/mina/plan" ? .problem(500, "\(request.headers)", code: 69) : nil
        }
        defer { server.stop() }
        let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data((ContractModel.token + "\n").utf8).write(to: file)
        let arguments = ["status", "--server", server.url, "--token-file", file.path]
        let program = try RemoteProgram(arguments, at: nil)
        #expect(try await program.end() == 0)
        for arguments in [["plan", "v1"], ["plan", "v1", "--output", "json", "-v"], ["status"]] {
            let program = try RemoteProgram(arguments, at: server)
            _ = try await program.end()
            #expect(!(program.output + program.errors).contains(ContractModel.token))
        }
        let wrong = ["BGDEPLOY_SERVER": server.url, "BGDEPLOY_TOKEN": "bgd_wrong secret"]
        let refused = try RemoteProgram(["status"], at: nil, wrong)
        #expect(try await refused.end() == 64)
        #expect(!refused.errors.contains("bgd_wrong"))
    }
}

extension Script {
    /// Everything that is under way succeeds, and what is watched passes.
    mutating func finish() {
        while let effect = state.pending.first?.effect, !state.isSettled {
            if case .watch = effect { judge(.passed(summary: "fine"), after: .seconds(1)) } else { succeed() }
        }
    }
}

/// The program that the package builds beside the tests, in an empty folder.
final class RemoteProgram {
    struct Late: Error { let output: String, errors: String }

    private let process = Process()
    private let folder: URL

    /// With the server and the token of `server` in its environment.
    init(_ arguments: [String], at server: ContractServer?, _ environment: [String: String] = [:]) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "remote-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var arguments = arguments
        var variables = ["HOME": folder.path, "PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        variables["BGDEPLOY_TOKEN"] =
            variables["BGDEPLOY_TOKEN"] ?? (server == nil ? nil : ContractModel.token)
        if let server { arguments += ["--server", server.url] }
        let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(filePath: here).deletingLastPathComponent().appending(path: "bgdeploy")
        process.arguments = arguments
        process.environment = variables
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try file("output")
        process.standardError = try file("errors")
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    private func file(_ name: String) throws -> FileHandle {
        let url = folder.appending(path: name)
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
    }

    var output: String { text("output") }
    var errors: String { text("errors") }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Polls until `isReady`, for at most a minute.
    func wait(until isReady: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !isReady() {
            guard ContinuousClock.now < end else { throw Late(output: output, errors: errors) }
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
    }

    /// The code with which it ended.
    func end() async throws -> Int32 {
        try await wait { !process.isRunning }
        return process.terminationStatus
    }
}
