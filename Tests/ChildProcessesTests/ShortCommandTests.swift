@testable import StepLab
import ChildProcesses
import Foundation
import Testing

@Suite(.ownFolder, .timeLimit(.minutes(2)))
struct ShortCommandTests {
    private func shell(
        _ text: String,
        deadline: Int = 20_000,
        limit: Int = 262_144
    ) async throws
        -> ShortCommand.Outcome
    {
        try await ShortCommand.run(["sh", "-c", text], deadline: deadline, outputLimit: limit)
    }

    @Test func `brings back both streams and the exit status`() async throws {
        let outcome = try await shell("echo one; echo two >&2; exit 3")
        #expect(outcome == .init(status: .exited(3), output: "one\ntwo\n", wasCut: false))
    }

    @Test func `tells a death by signal from an exit`() async throws {
        #expect(try await shell("kill -9 $$").status == .signalled(9))
    }

    @Test func `a grandchild that holds the output delays nothing`() async throws {
        let begin = ContinuousClock.now
        let outcome = try await shell("sleep 30 & echo $!")
        #expect(outcome.status == .exited(0))
        #expect(ContinuousClock.now - begin < .seconds(45))
        _ = try await shell("kill -9 \(outcome.output)")
    }

    @Test func `the deadline ends the whole group, even what ignores TERM`() async throws {
        let outcome = try await shell(
            "trap '' TERM; sleep 97 & echo $$ $!; while :; do sleep 97; done",
            deadline: 300
        )
        #expect(outcome.status == .timedOut)
        let processes = outcome.output.split { $0.isWhitespace }
        #expect(processes.count == 2)
        #expect(processes.allSatisfy { !isAlive(String($0)) })
    }

    @Test func `output over the limit is cut and is no error`() async throws {
        let outcome = try await shell("head -c 3000000 /dev/zero | tr '\\0' x; exit 4", limit: 1000)
        #expect(outcome.status == .exited(4))
        #expect(outcome.wasCut)
        #expect(outcome.output.utf8.count == 1000)
    }

    @Test func `input larger than a pipe arrives, and an unread one blocks nobody`() async throws {
        let input = [UInt8](repeating: 120, count: 1_000_000)
        let read = try await ShortCommand.run(["wc", "-c"], input: input, deadline: 20_000)
        #expect(read.output == "1000000\n")
        let unread = try await ShortCommand.run(["true"], input: input, deadline: 20_000)
        #expect(unread.status == .exited(0))
        #expect(try await ShortCommand.run(["cat"], deadline: 20_000).output.isEmpty)
    }

    @Test func `invalid UTF-8 is repaired`() async throws {
        #expect(try await shell("printf 'a\\377b'").output == "a\u{FFFD}b")
    }

    @Test func `environment and folder are as asked`() async throws {
        let outcome = try await ShortCommand.run(
            ["sh", "-c", "echo $A; pwd; env | grep -c ."],
            environment: ["A": "b c"],
            folder: "/usr",
            deadline: 20_000
        )
        #expect(outcome.output.hasPrefix("b c\n/usr\n"))
    }

    @Test func `names are found in the sbin folders too`() async throws {
        let outcome = try await ShortCommand.run(
            ["ldconfig", "--version"],
            environment: ["PATH": "/nowhere"],
            deadline: 20_000
        )
        #expect(outcome.status == .exited(0))
    }

    @Test func `says why nothing was started`() async throws {
        let scratch = try #require(Scratch.current)
        try Data("x".utf8).write(to: URL(filePath: scratch.file("plain")))
        try Data("#!/no/such/interpreter\n".utf8).write(to: URL(filePath: scratch.file("script")))
        #expect(chmod(scratch.file("script"), 0o755) == 0)
        await #expect(throws: ShortCommandError.notFound("no-such-thing")) {
            try await ShortCommand.run(["no-such-thing"], deadline: 1000)
        }
        await #expect(throws: ShortCommandError.notFound("./no-such")) {
            try await ShortCommand.run(["./no-such"], folder: scratch.path, deadline: 1000)
        }
        await #expect(throws: ShortCommandError.notExecutable("./plain")) {
            try await ShortCommand.run(["./plain"], folder: scratch.path, deadline: 1000)
        }
        for odd in [["./script"], ["echo", "a\0b"]] {
            let error = await #expect(throws: ShortCommandError.self) {
                try await ShortCommand.run(odd, folder: scratch.path, deadline: 1000)
            }
            guard case .cannotStart = error else { throw Unexpected(what: "\(String(describing: error))") }
        }
    }

    @Test func `a child inherits no descriptor of ours`() async throws {
        let descriptor = open("/etc/hostname", O_RDONLY)
        defer { close(descriptor) }
        let outcome = try await ShortCommand.run(["ls", "/proc/self/fd"], deadline: 20_000)
        #expect(outcome.output == "0\n1\n2\n3\n")
    }
}

struct Unexpected: Error { let what: String }
