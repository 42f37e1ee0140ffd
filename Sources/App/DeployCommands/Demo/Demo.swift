import ChildProcesses
import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import HTTPClient

/// The demo's acts.
struct Demo {
    let workplace: Workplace
    let stage: DemoStage
    let rate: Int
    /// The process's own, and where the demo app is.
    private let environment: [String: String]

    init(workplace: Workplace, stage: DemoStage, rate: Int) throws(CommandFailure) {
        self.workplace = workplace
        self.stage = stage
        self.rate = rate
        environment = workplace.environment.merging(["DEMO_APP": try DemoStage.app()]) { $1 }
    }

    private var style: Style { workplace.style }
    private var printer: Printer { workplace.printer }

    func play() async throws(CommandFailure) -> ExitStatus {
        headline(
            "Setting the stage: nginx on 127.0.0.1:\(stage.nginxPort), blue with v1.0.0, \(rate) requests/s"
        )
        try await deployByHand("blue", stage.bluePort, "v1.0.0")
        try stage.startNginx()
        try await waitForAnswer()
        let load = DemoLoad(url: stage.url, rate: rate)
        return try await withLoad(load) { () async throws(CommandFailure) in
            let good = try await act("A good release: 10 % → 50 % → 100 %", "v2.0.0", load, expecting: .done)
            printer.line("")
            let bad = try await badRelease(load)
            return epilogue(good && bad, load)
        }
    }

    // MARK: acts

    private func act(
        _ title: String,
        _ version: String,
        _ load: DemoLoad,
        expecting expected: ExitStatus
    ) async throws(CommandFailure) -> Bool {
        headline(title)
        printer.line(style("$ bgdeploy run \(version)", .bold))
        let before = load.count
        let status = await bgdeploy(["run", version, "--yes"])
        let after = load.count
        printer.line(
            style(
                "exit code \(status); users sent \(after.requests - before.requests) requests meanwhile, "
                    + "\(after.failed - before.failed) failed",
                .bold
            )
        )
        return status == expected.rawValue
    }

    /// The release is healthy when it is asked, and fails a third of its users' requests.
    private func badRelease(_ load: DemoLoad) async throws(CommandFailure) -> Bool {
        let playbook = "\(stage.folder)/bgdeploy.yml"
        do {
            let text = try String(contentsOfFile: playbook, encoding: .utf8)
            let broken = text.replacing(
                "monitor:",
                with: """
                      - name: break the release (this is the demo's doing)
                        http: { post: /admin/faults, json: { error_rate: 0.33 } }

                    monitor:
                    """
            )
            try broken.write(toFile: playbook, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(.unavailable, "\(playbook): \(error.localizedDescription)")
        }
        return try await act(
            "A bad release: healthy when asked, but every third request of its users fails",
            "v3.0.0",
            load,
            expecting: .rolledBack
        )
    }

    private func epilogue(_ isAsExpected: Bool, _ load: DemoLoad) -> ExitStatus {
        let count = load.count
        printer.line("")
        guard isAsExpected else {
            Printer.errors.line("bgdeploy: the demo did not go as it should; see above")
            return .failed
        }
        headline("That was it")
        printer.line(
            """
            \(count.requests) requests, \(count.failed) failed: the bad release's, at a tenth of the traffic, until it \
            was rolled back.
            Next: docs/tutorial, or `bgdeploy init` on a host of yours.
            """
        )
        return .done
    }

    // MARK: parts

    private func headline(_ text: String) { printer.line(style("── \(text) ", .blue)) }

    /// This very program, as a user would call it: on the user's terminal.
    private func bgdeploy(_ arguments: [String]) async -> Int32 {
        var environment = environment
        environment["BGDEPLOY_STATE"] = "sqlite:\(stage.folder)/state/state.db"
        environment["BGDEPLOY_PLAYBOOK"] = "\(stage.folder)/bgdeploy.yml"
        return await exitStatus(of: "/proc/self/exe", arguments, environment)
    }

    private func deployByHand(
        _ name: String,
        _ port: Int,
        _ release: String
    ) async throws(CommandFailure) {
        do throws(ShortCommandError) {
            let arguments = ["/bin/sh", "\(stage.folder)/deploy.sh", name, "\(port)", release]
            let outcome = try await ShortCommand.run(arguments, environment: environment, deadline: 10_000)
            guard outcome.status == .exited(0) else { throw .cannotStart(outcome.output) }
        } catch {
            throw CommandFailure(.unavailable, "the demo app cannot be started: \(error.message)")
        }
    }

    private func exitStatus(
        of program: String,
        _ arguments: [String],
        _ environment: [String: String]
    ) async -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = environment
        return await withCheckedContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(returning: 127)
            }
        }
    }

    private func waitForAnswer() async throws(CommandFailure) {
        for _ in 0..<100 {
            let answer = try? await HTTPClient().send(HTTPRequest(url: stage.url, deadline: .seconds(1)))
            if answer?.status == 200 { return }
            do { try await workplace.clock.sleep(for: .milliseconds(100)) } catch { break }
        }
        let log = (try? String(contentsOfFile: "\(stage.folder)/error.log", encoding: .utf8)) ?? ""
        throw CommandFailure(
            .unavailable,
            "nginx or the demo app did not answer within 10 s\n\(log.suffix(1000))"
        )
    }

    private func withLoad(
        _ load: DemoLoad,
        _ body: () async throws(CommandFailure) -> ExitStatus
    ) async throws(CommandFailure) -> ExitStatus {
        let result: Result<ExitStatus, CommandFailure> = await withTaskGroup { group in
            group.addTask { await load.run() }
            defer { group.cancelAll() }
            do throws(CommandFailure) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
