@testable import StepLab
import Commands
import DeployCore
import DeployPorts
import Foundation
import Synchronization
import Testing

@Suite(.ownFolder, .timeLimit(.minutes(2)))
struct CommandStepTests {
    private let scratch: Scratch
    private let lines = Lines()

    init() throws { scratch = try #require(Scratch.current) }

    private func attempt(
        _ number: Int = 1,
        deadline: Span = .seconds(60),
        values: Values? = nil
    ) -> StepAttempt {
        let standard = Values(
            plain: [
                "version": "v2.5.0", "service": "mina", "stable": "blue", "candidate": "green",
                "candidate.url": "http://127.0.0.1:5002",
            ],
            secrets: ["secret.TOKEN": "canary-secret-value"]
        )
        return StepAttempt(
            run: RunID(rawValue: "RUN1"),
            step: StepID(rawValue: "prepare/1"),
            number: number,
            deadline: deadline,
            values: values ?? standard,
            folder: scratch.path,
            report: { [lines] in lines.append($0) }
        )
    }

    private func action(
        _ key: String,
        _ value: Parameter,
        _ siblings: [Parameter.Entry] = []
    ) throws -> any StepAction {
        let (action, problems) = try decode(key, value, siblings, folder: scratch.path)
        #expect(problems.isEmpty)
        return try #require(action)
    }

    private func failure(_ action: any StepAction, _ attempt: StepAttempt) async -> StepFailure? {
        do throws(StepFailure) {
            _ = try await action.perform(attempt)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an argument list has no shell: every value is one argument`() async throws {
        let step = try action("run", .texts(["printf", "<%s>", "a b", "${version};$(id)", "*"]))
        #expect(step.summary == "run printf <%s> 'a b' ${version};$(id) *")
        #expect(step.references.map(\.name) == ["version"])
        let result = try await step.perform(attempt())
        #expect(result.summary.hasPrefix("exit 0 in "))
        #expect(lines.all == ["<a b><v2.5.0;$(id)><*>"])
    }

    @Test func `a script gets its values as variables and starts in the playbook's folder`() async throws {
        let step = try action(
            "script",
            .text(
                "echo $BGDEPLOY_VERSION $BGDEPLOY_RUN $BGDEPLOY_STEP $BGDEPLOY_ATTEMPT\nenv | grep -c ^BGDEPLOY_STATE\necho $TOKEN$INHERITED$OWN\npwd\n[ $BGDEPLOY_SECRET_TOKEN = canary-secret-value ] && echo ${BGDEPLOY_PREVIOUS_VERSION-unset}; echo $BGDEPLOY_SECRET_TOKEN"
            ),
            [
                .init(
                    key: "env",
                    keyPosition: .unknown,
                    value: .map(
                        [.init(key: "OWN", keyPosition: .unknown, value: .text("-${stable}"))],
                        position: .unknown
                    )
                )
            ]
        )
        _ = try await step.perform(attempt(3))
        #expect(
            lines.all == ["v2.5.0 RUN1 prepare/1 3", "0", "inherited-blue", scratch.path, "unset", "***"]
        )
    }

    @Test func `performing an attempt again attaches to it, another attempt runs anew`() async throws {
        let step = try action("script", .text("echo ran >> runs; echo out"))
        #expect(await step.reconcile(attempt()) == .neverStarted)
        let first = try await step.perform(attempt())
        #expect(try await step.perform(attempt()) == first)
        #expect(await step.reconcile(attempt()) == .ended(first))
        #expect(scratch.text("runs") == "ran\n")
        #expect(lines.all == ["out", "out"])
        _ = try await step.perform(attempt(2))
        #expect(scratch.text("runs") == "ran\nran\n")
    }

    @Test func `a failure says what was run, how it ended and what it said last`() async throws {
        let step = try action(
            "run",
            .texts(["sh", "-c", "seq 1 30; echo $BGDEPLOY_SECRET_TOKEN; exit 3", "${candidate}"])
        )
        let failure = try #require(await failure(step, attempt()))
        #expect(
            failure.message.hasPrefix(
                "run sh -c 'seq 1 30; echo $BGDEPLOY_SECRET_TOKEN; exit 3' green exited with status 3 after "
            )
        )
        #expect(
            failure.message.hasSuffix(":\n" + (12...30).map(String.init).joined(separator: "\n") + "\n***")
        )
        #expect(failure.isTransient)
        #expect(await step.reconcile(attempt()) == .failed(failure))
    }

    @Test func `somebody else's signal leaves the outcome unknown`() async throws {
        let step = try action("script", .text("kill -9 $$"))
        let failure = try #require(await failure(step, attempt()))
        #expect(failure.message.contains("SIGKILL, which bgdeploy did not send"))
        #expect(!failure.isTransient)
        #expect(await step.reconcile(attempt()) == .unknown(failure.message))
    }

    @Test func `a timeout and a missing program say so`() async throws {
        let slow = try action("script", .text("exec sleep 95"))
        let timeout = try #require(await failure(slow, attempt(deadline: .milliseconds(200))))
        #expect(timeout.message.contains("timed out after 200ms"))
        let missing = try #require(await failure(action("run", .texts(["./no-such.sh"])), attempt(2)))
        #expect(missing.message == "run ./no-such.sh could not be started: ./no-such.sh: command not found")
        #expect(!missing.isTransient)
    }

    @Test func `cancelling the task ends the command`() async throws {
        let step = try action("script", .text("echo $$; exec sleep 94"))
        let attempt = attempt()
        let ended = try await withThrowingTaskGroup(of: StepFailure?.self) { group in
            group.addTask { await failure(step, attempt) }
            try await eventually("the command says its number") { !lines.all.isEmpty }
            #expect(await step.reconcile(attempt) == .running)
            group.cancelAll()
            return try await group.next() ?? nil
        }
        #expect(ended?.message.contains("was cancelled after") == true)
        #expect(!isAlive(lines.all.first ?? ""))
    }

    @Test func `commands of one attempt folder keep their secrets out of it`() async throws {
        let step = try action("script", .text("echo x${BGDEPLOY_SECRET_TOKEN}y; env; exit 1"))
        _ = await failure(step, attempt())
        for file in scratch.allBytes() {
            #expect(!String(decoding: file.bytes, as: UTF8.self).contains("canary-secret"), "\(file.name)")
        }
    }
}

final class Lines: Sendable {
    private let storage = Mutex<[String]>([])

    var all: [String] { storage.withLock { $0 } }
    func append(_ line: String) { storage.withLock { $0.append(line) } }
}
