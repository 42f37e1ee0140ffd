import DeployCore
import DeployPorts

/// Makes steps from text and carries them out.
enum StepBench {
    struct Undecodable: Error { let messages: [String] }

    static func decode(
        _ kind: StepKind,
        _ text: String,
        publicURL: String? = nil
    ) -> (action: (any StepAction)?, messages: [String]) {
        let diagnostics = Diagnostics()
        let context = StepContext(phase: .validate, service: "mina", folder: "/", publicURL: publicURL)
        let action = kind.make(FlowText.parameter(text), [], context, diagnostics)
        let messages = diagnostics.all.sorted().map {
            "\($0.position.line):\($0.position.column): \($0.message)"
        }
        return (action, messages)
    }

    static func make(_ kind: StepKind, _ text: String, publicURL: String? = nil) throws -> any StepAction {
        let (action, messages) = decode(kind, text, publicURL: publicURL)
        guard let action else { throw Undecodable(messages: messages) }
        return action
    }

    static func attempt(
        _ plain: [String: String] = [:],
        secrets: [String: String] = [:],
        run: String = "R1",
        step: String = "validate/1",
        deadline: Span = .seconds(5)
    ) -> StepAttempt {
        StepAttempt(
            run: RunID(rawValue: run),
            step: StepID(rawValue: step),
            number: 1,
            deadline: deadline,
            values: Values(plain: plain, secrets: secrets),
            folder: "/",
            report: { _ in }
        )
    }

    static func answer(_ json: String, status: String = "200 OK", headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\n\(headers)"
            + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
    }
}
