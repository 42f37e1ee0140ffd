import ChildProcesses
import Commands
import DeployCore
import DeployPorts
import Foundation
import SecureShell
import Synchronization
import Testing

@testable import StepLab

/// `run` and `script` on another host.
@Suite(
    .ownFolder,
    .enabled(if: hasSSH, "openssh-server is not installed"),
    .timeLimit(.minutes(5))
)
struct RemoteStepTests {
    private let scratch: Scratch
    private let lines = Lines()

    init() throws { scratch = try #require(Scratch.current) }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    private static let secret = "bullfinch 'secret' value\nof two lines"

    private func attempt(_ number: Int = 1, deadline: Span = .seconds(60)) -> StepAttempt {
        StepAttempt(
            run: RunID(rawValue: "RUN1"),
            step: StepID(rawValue: "prepare/1"),
            number: number,
            deadline: deadline,
            values: Values(
                plain: ["version": "v2.5.0", "candidate": "gr'een"],
                secrets: ["secret.TOKEN": Self.secret]
            ),
            folder: scratch.path,
            report: { [lines] in lines.append($0) }
        )
    }

    private func action(_ lab: SSHLab, _ key: String, _ value: Parameter) throws -> any StepAction {
        let client = lab.client()
        let kinds = CommandStep.kinds(
            supervisor: try supervisorFixture(),
            environment: ["PATH": "/usr/bin:/bin", "INHERITED": "here", "TOKEN": Self.secret],
            client: { client }
        )
        let kind = try #require(kinds.first { $0.key == key })
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .prepare, service: "mina", folder: scratch.path, publicURL: nil)
        let on = Parameter.Entry(
            key: "on",
            keyPosition: .unknown,
            value: Self.text("ssh://\(try lab.host())")
        )
        let action = kind.make(value, [on], context, diagnostics)
        #expect(diagnostics.all.isEmpty, "\(diagnostics.all)")
        return try #require(action)
    }

    private static func text(_ text: String) -> Parameter {
        .scalar(.init(text: text, isQuoted: true, position: .unknown))
    }

    private static func list(_ texts: [String]) -> Parameter { .list(texts.map(text), position: .unknown) }

    private func failure(_ action: any StepAction, _ attempt: StepAttempt) async -> StepFailure? {
        do throws(StepFailure) {
            _ = try await action.perform(attempt)
            return nil
        } catch {
            return error
        }
    }

    @Test func `every argument arrives as it is, and the values as variables`() async throws {
        let lab = try await SSHLab()
        let words = ["printf", "<%s>", "a b", "it's", "", "$HOME;`id`", "*", "ü"]
        let run = try action(lab, "run", Self.list(words))
        let result = try await run.perform(attempt())
        #expect(result.summary.hasSuffix(" on \(try lab.host())"), "\(result.summary)")
        #expect(lines.all == ["<a b><it's><><$HOME;`id`><*><ü>"])
        let text = """
            echo "$BGDEPLOY_VERSION $BGDEPLOY_CANDIDATE ${INHERITED-unset} ${TOKEN-unset}"
            printf %s "$BGDEPLOY_SECRET_TOKEN" | wc -c; cat
            """
        _ = try await action(lab, "script", Self.text(text)).perform(attempt(2))
        #expect(lines.all.dropFirst() == ["v2.5.0 gr'een unset unset", "\(Self.secret.utf8.count)"])
    }

    @Test func `the exit status is the command's, and 255 is ssh's only when it is`() async throws {
        let lab = try await SSHLab()
        for (number, status) in [3, 255].enumerated() {
            let step = try action(lab, "script", Self.text("echo out; exit \(status)"))
            let error = await failure(step, attempt(number + 1))
            let message = error?.message ?? ""
            #expect(message.contains("exited with status \(status)"), "\(message)")
            #expect(error?.message.contains("ssh failed") == false)
        }
        let absent = try action(lab, "run", Self.list(["/nonexistent/program"]))
        #expect(await failure(absent, attempt(3))?.message.contains("status 127") == true)
        lab.signal(SIGKILL)
        try await eventually("sshd is gone") { kill(lab.id, 0) != 0 || lab.descendants().isEmpty }
        let error = await failure(try action(lab, "run", Self.list(["true"])), attempt(4))
        for part in ["ssh failed", "nothing of it has run"] {
            #expect(error?.message.contains(part) == true, "\(String(describing: error))")
        }
        #expect(error?.isTransient == true)
    }

    @Test func `a host with a changed key is given nothing`() async throws {
        let lab = try await SSHLab()
        try lab.expectOtherKey()
        let trace = scratch.file("trace")
        let error = await failure(try action(lab, "run", Self.list(["touch", trace])), attempt())
        #expect(error?.message.contains("another host key") == true, "\(String(describing: error))")
        #expect(error?.isTransient == false)
        #expect(access(trace, F_OK) != 0)
    }

    @Test func `no process and no file shows the secret, there or here`() async throws {
        let lab = try await SSHLab()
        let (begun, gate) = (scratch.file("begun"), scratch.file("gate"))
        let text = """
            echo "it is $BGDEPLOY_SECRET_TOKEN"; touch \(begun); while [ ! -e \(gate) ]; do sleep 0.05; done
            """
        let step = try action(lab, "script", Self.text(text))
        async let result = step.perform(attempt())
        try await eventually("it begins") { access(begun, F_OK) == 0 }
        let part = "bullfinch 'secret'"
        let commands = ProcessList.all().map(ProcessList.command(of:))
        #expect(commands.contains { $0.contains("touch \(begun)") })
        // Tests of others, at the same time, have secrets of their own on their command lines.
        for command in commands { #expect(!command.contains("bullfinch"), "\(command)") }
        for process in ProcessList.all() where ProcessList.command(of: process).hasPrefix("ssh ") {
            #expect(!ProcessList.environment(of: process).contains(part))
        }
        #expect(FileManager.default.createFile(atPath: gate, contents: nil))
        _ = try await result
        for (name, bytes) in scratch.allBytes() {
            #expect(!String(decoding: bytes, as: UTF8.self).contains(part), "\(name)")
        }
    }

    @Test func `at the deadline the command there is ended with all that it started`() async throws {
        let lab = try await SSHLab()
        let (first, second) = (scratch.file("first"), scratch.file("second"))
        let text = "trap '' TERM; sleep 600 & echo $! >\(second); echo $$ >\(first); wait"
        let error = await failure(try action(lab, "script", Self.text(text)), attempt(deadline: .seconds(10)))
        #expect(error?.message.contains("timed out after 10s") == true, "\(String(describing: error))")
        for name in ["first", "second"] {
            #expect(!scratch.text(name).isEmpty)
            #expect(!isAlive(scratch.text(name)), "\(name)")
        }
    }

    @Test func `a connection that breaks ends the command, and leaves its outcome unknown`() async throws {
        let lab = try await SSHLab()
        let (begun, first) = (scratch.file("begun"), scratch.file("first"))
        let step = try action(lab, "script", Self.text("echo $$ >\(first); touch \(begun); sleep 600"))
        async let failed = failure(step, attempt())
        try await eventually("it begins") { access(begun, F_OK) == 0 }
        for process in lab.descendants() where ProcessList.command(of: process).hasPrefix("sshd") {
            kill(process, SIGKILL)
        }
        let error = await failed
        let message = error?.message ?? ""
        #expect(message.contains("it is not known how far it came"), "\(message)")
        #expect(error?.isTransient == false)
        try await eventually("the command is ended") { !isAlive(scratch.text("first")) }
        guard case .unknown = await step.reconcile(attempt()) else {
            Issue.record("reconciled as if it were known")
            return
        }
    }

    @Test func `a second performer attaches, and the command runs once`() async throws {
        let lab = try await SSHLab()
        let (begun, gate) = (scratch.file("begun"), scratch.file("gate"))
        let text = "echo x >>\(begun); while [ ! -e \(gate) ]; do sleep 0.05; done; echo done"
        let step = try action(lab, "script", Self.text(text))
        async let first = step.perform(attempt())
        try await eventually("it begins") { access(begun, F_OK) == 0 }
        #expect(await step.reconcile(attempt()) == .running)
        async let second = step.perform(attempt())
        #expect(FileManager.default.createFile(atPath: gate, contents: nil))
        let results = [try await first, try await second]
        #expect(results[0] == results[1])
        #expect(scratch.text("begun") == "x\n")
    }
}
