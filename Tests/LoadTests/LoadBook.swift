import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Synchronization
import ServiceLab

@testable import BalancerLab
@testable import Load

/// Makes `load` steps from text and carries them out.
enum LoadBook {
    struct Undecodable: Error { let messages: [String] }

    private struct Clock: Timekeeper {
        func now() -> Timestamp { Timestamp(milliseconds: 0) }

        func sleep(for span: Span) async throws(CancellationError) {
            let end = MonotonicClock.milliseconds() + span.milliseconds
            while MonotonicClock.milliseconds() < end {
                if Task.isCancelled { throw CancellationError() }
                await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
            }
        }
    }

    static func decode(_ text: String, publicURL: String? = nil) -> (step: LoadStep?, messages: [String]) {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .validate, service: "mina", folder: "/", publicURL: publicURL)
        var reader = LoadStepReader(FlowText.parameter(text), context: context, diagnostics: diagnostics)
        let step = reader.read(clock: Clock())
        return (step, diagnostics.all.sorted().map { "\($0.position.column): \($0.message)" })
    }

    static func make(_ text: String) throws -> LoadStep {
        let (step, messages) = decode(text)
        guard let step else { throw Undecodable(messages: messages) }
        return step
    }

    /// What came of a step whose candidate is at `port`.
    struct Trial {
        let result: Result<StepResult, StepFailure>
        let lines: [String]
        let report: String

        var failure: String? { if case .failure(let failure) = result { failure.message } else { nil } }
    }

    static func trial(
        _ text: String,
        port: Int,
        deadline: Span = .minutes(60),
        secrets: [String: String] = [:]
    ) async throws -> Trial {
        let (step, folder, lines) = (try make(text), LabFolder(), Lines())
        let attempt = StepAttempt(
            run: RunID(rawValue: "R1"),
            step: StepID(rawValue: "validate/1"),
            number: 1,
            deadline: deadline,
            values: Values(plain: ["candidate.url": "http://127.0.0.1:\(port)/"], secrets: secrets),
            folder: folder.path,
            report: { line in lines.all.withLock { $0.append(line) } }
        )
        let result: Result<StepResult, StepFailure>
        do throws(StepFailure) {
            result = .success(try await step.perform(attempt))
        } catch {
            result = .failure(error)
        }
        return Trial(
            result: result,
            lines: lines.all.withLock { $0 },
            report: folder.text(LoadStep.fileName)
        )
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }
}

extension RawConnection {
    /// Answers every request with `text`, over one connection.
    func serve(_ text: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
        while !readRequest().isEmpty, send(text) {}
    }
}

extension RawConnection {
    /// What has come and is not read yet.
    func peek() -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_PEEK))
        return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }
}
