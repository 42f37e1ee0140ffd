@testable import StepLab
import ChildProcesses
import Foundation
import Synchronization
import Testing

@Suite(.ownFolder, .timeLimit(.minutes(3)))
struct SupervisionTests {
    private let scratch: Scratch
    private let process: SupervisedProcess
    private let lines = Lines()

    init() throws {
        scratch = try #require(Scratch.current)
        process = SupervisedProcess(folder: scratch.file("step"))
    }

    private func run(_ order: StepOrder) async throws -> ExitRecord {
        try await process.start(order, executable: supervisorFixture())
        return try await process.wait { lines.append($0) }
    }

    @Test func `records the status and hands on every line`() async throws {
        #expect(process.state() == .notStarted)
        let record = try await run(.shell("echo one; echo two >&2; printf three; exit 7"))
        #expect(record.status == 7)
        #expect(record.signal == nil && !record.timedOut && !record.cancelled && record.refusal == nil)
        #expect(record.outputBytes == 13)
        #expect(lines.all == ["one", "two", "three"])
        #expect(process.state() == .ended(record))
        #expect(process.outputTail() == "one\ntwo\nthree")
    }

    @Test func `a command outlives the SIGKILL of the orchestrator that started it`() async throws {
        let go = scratch.file("go")
        let script = "echo began; until [ -e \(go) ]; do sleep 0.02; done; echo went on; exit 5"
        let died = try await ShortCommand.run(
            [supervisorFixture(), "start-and-die", process.folder, script],
            deadline: 30_000
        )
        #expect(died.status == .signalled(SIGKILL))
        try await eventually("running") { if case .running = process.state() { true } else { false } }
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        let record = try await process.wait { lines.append($0) }
        #expect(record.status == 5)
        #expect(lines.all == ["began", "went on"])
    }

    @Test(arguments: 0..<30) func `of two starters one runs`(_: Int) async throws {
        let order = StepOrder.shell("echo ran >> \(scratch.file("runs")); echo x")
        let executable = try supervisorFixture()
        async let first: Void = process.start(order, executable: executable)
        async let second: Void = SupervisedProcess(folder: process.folder).start(
            order,
            executable: executable
        )
        _ = try await (first, second)
        #expect(try await process.wait { _ in }.status == 0)
        #expect(scratch.text("runs") == "ran\n")
        try await process.start(order, executable: executable)
        #expect(scratch.text("runs") == "ran\n")
    }

    @Test func `the deadline ends grandchildren that ignore TERM`() async throws {
        let script = "trap '' TERM; sh -c 'sleep 98; sleep 98' & echo $$ $!; while :; do sleep 98; done"
        let record = try await run(.shell(script, deadline: 300, grace: 200))
        #expect(record.timedOut && !record.cancelled)
        let processes = lines.all.joined().split(separator: " ")
        #expect(processes.count == 2)
        #expect(processes.allSatisfy { !isAlive(String($0)) })
    }

    @Test func `cancelling the waiting task ends the command and still waits for its end`() async throws {
        let order = StepOrder.shell("trap 'echo bye; exit 0' TERM; echo $$; while :; do sleep 0.05; done")
        try await process.start(order, executable: supervisorFixture())
        let record = try await withThrowingTaskGroup(of: ExitRecord?.self) { group in
            group.addTask { [process, lines] in try await process.wait { lines.append($0) } }
            try await eventually("the command says its number") { !lines.all.isEmpty }
            group.cancelAll()
            return try await group.next() ?? nil
        }
        #expect(record?.cancelled == true)
        #expect(lines.all.last == "bye")
        #expect(!isAlive(lines.all.first ?? ""))
    }

    @Test func `of ten megabytes the beginning and the end are kept`() async throws {
        let record = try await run(
            .shell(
                "echo first; head -c 10000000 /dev/zero | tr '\\0' '\\n'; echo last",
                headLimit: 1000,
                tailLimit: 500
            )
        )
        #expect(record.status == 0)
        #expect(record.outputBytes == 10_000_011)
        #expect(lines.all.first == "first")
        #expect(lines.all.last == "last")
        #expect(lines.all.contains("[bgdeploy: 9998511 bytes of output left out here]"))
        #expect(scratch.text("step/output").utf8.count < 2000)
    }

    @Test func `a grandchild that holds the pipe delays nothing`() async throws {
        let record = try await run(.shell("sleep 99 & echo $!"))
        #expect(record.status == 0)
        #expect(record.durationMilliseconds < 30_000)
        #expect(isAlive(lines.all.first ?? ""), "what a command leaves behind in order is left alone")
        _ = try await ShortCommand.run(["kill", "-9", lines.all.first ?? ""], deadline: 5000)
    }

    @Test func `bytes that are not UTF-8 are kept as they are and shown repaired`() async throws {
        _ = try await run(.shell("printf 'a\\377\\000b\\n'"))
        #expect(lines.all == ["a\u{FFFD}\0b"])
        #expect(
            FileManager.default.contents(atPath: scratch.file("step/output")) == Data([97, 255, 0, 98, 10])
        )
    }

    @Test func `a line without end is handed on in pieces`() async throws {
        _ = try await run(.shell("head -c 1000000 /dev/zero | tr '\\0' x"))
        #expect(lines.all.count > 10)
        #expect(lines.all.joined().count == 1_000_000)
    }

    @Test func `secrets never reach a file of the folder`() async throws {
        let secret = "hunter2-canary/+value"
        let script = """
            n=0; while [ $n -lt 400 ]; do printf %s 'hunter2-can'; printf %s 'ary/+value '; n=$((n+1)); done
            printf %s 'hunter2-can'; sleep 0.1; echo 'ary/+value'
            printf %s 'user:hunter2-canary/+value' | base64
            tr '\\0' '\\n' < /proc/$PPID/cmdline
            """
        let record = try await run(.shell(script, secrets: [secret]))
        #expect(record.status == 0)
        #expect(lines.all.contains { $0.contains("supervise-step") })
        let plain = Data("user:\(secret)".utf8).base64EncodedString().dropFirst(8).dropLast(4)
        for file in scratch.allBytes() {
            let text = String(decoding: file.bytes, as: UTF8.self)
            #expect(
                !text.contains(secret) && !text.contains("canary") && !text.contains(plain),
                "\(file.name)"
            )
        }
        #expect(lines.all.joined().split(separator: "***").count > 400)
    }

    @Test func `names the signal that ended the command`() async throws {
        let record = try await run(.shell("kill -SEGV $$"))
        #expect(record.signal == SIGSEGV && record.status == nil)
    }

    @Test func `a command that does not exist is refused for good`() async throws {
        let record = try await run(
            StepOrder(arguments: ["no-such"], environment: [:], folder: "/", deadlineMilliseconds: 1000)
        )
        #expect(record.refusal == "no-such: command not found")
        #expect(record.status == nil)
    }

    @Test func `the command gets an empty input, its environment alone, and the usual umask`() async throws {
        _ = try await run(
            .shell("cat; umask; env | cut -d= -f1 | sort | tr '\\n' ' '; ls /proc/self/fd | wc -l")
        )
        #expect(lines.all.first == "0022")
        #expect(lines.all.last?.contains("HOME") == false)
    }

    @Test func `files are for us alone`() async throws {
        _ = try await run(.shell("true"))
        let names = try FileManager.default.contentsOfDirectory(atPath: process.folder)
        #expect(Set(names) == ["lock", "claim", "process", "output", "exit"])
        for name in names {
            let mode = try FileManager.default.attributesOfItem(atPath: "\(process.folder)/\(name)")[
                .posixPermissions
            ]
            #expect(mode as? Int == 0o600, "\(name)")
        }
    }

    @Test func `a folder that others can read is refused`() async throws {
        try FileManager.default.createDirectory(
            atPath: process.folder,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755]
        )
        let error = await #expect(throws: SupervisionError.self) { try await run(.shell("true")) }
        guard case .unusableFolder = error else { throw Unexpected(what: "\(String(describing: error))") }
    }

    @Test func `a claim whose supervisor was killed is unknown and is not run again`() async throws {
        let order = StepOrder.shell("echo $$; echo ran >> \(scratch.file("runs")); exec sleep 96")
        try await process.start(order, executable: supervisorFixture())
        try await eventually("the command runs") { !process.outputTail().isEmpty }
        guard case .running(let supervisor?) = process.state() else {
            throw Unexpected(what: "\(process.state())")
        }
        #expect(getsid(supervisor) == supervisor, "a session of its own")
        #expect(kill(supervisor, SIGKILL) == 0)
        let error = await #expect(throws: SupervisionError.self) { _ = try await process.wait { _ in } }
        #expect(error == .lost)
        #expect(process.state() == .unknown)
        try await process.start(order, executable: supervisorFixture())
        #expect(process.state() == .unknown)
        #expect(scratch.text("runs") == "ran\n")
        let command = process.outputTail().trimmingCharacters(in: .whitespacesAndNewlines)
        _ = try await ShortCommand.run(["kill", "-9", command], deadline: 5000)
    }
}

final class Lines: Sendable {
    private let storage = Mutex<[String]>([])

    var all: [String] { storage.withLock { $0 } }
    func append(_ line: String) { storage.withLock { $0.append(line) } }
}
