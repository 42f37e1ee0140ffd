import DeployPorts
import HTTPClient
import WebSocketClient

/// The message that a WebSocket step waits for.
enum MessageExpectation: Hashable, Sendable {
    /// The whole text.
    case text(Template)
    case json(JSONExpectation)
    /// An expression that matches somewhere in the text.
    case pattern(BodyPattern)

    var references: [Reference] {
        switch self {
        case .text(let template): template.references
        case .json(let json): json.references
        case .pattern(let pattern): pattern.template.references
        }
    }

    var description: String {
        switch self {
        case .text(let template): "the message \(template.source)"
        case .json: "a JSON message"
        case .pattern(let pattern): "a message matching \(pattern.template.source)"
        }
    }

    /// Whether `message` is the one; with a value missing, none is.
    func isMet(by message: WebSocketMessage, values: Values) -> Bool {
        do throws(StepFailure) {
            return try mismatches(in: message, values: values).isEmpty
        } catch {
            return false
        }
    }

    /// What in `message` is not as expected.
    func mismatches(in message: WebSocketMessage, values: Values) throws(StepFailure) -> [Mismatch] {
        guard case .text(let text) = message else { return [Mismatch(description, "a binary message")] }
        switch self {
        case .text(let template):
            let wanted = try template.resolved(in: values)
            return text == wanted ? [] : [Mismatch("the message \(wanted)", text)]
        case .pattern(let pattern):
            let isMet = try pattern.matches(Array(text.utf8), values: values)
            return isMet ? [] : [Mismatch(description, text)]
        case .json(let json):
            let document: JSONDocument
            do throws(JSONError) {
                document = try JSONDocument(Array(text.utf8))
            } catch {
                return [Mismatch(description, error.message)]
            }
            return try json.mismatches(in: document.root, at: "", values: values)
        }
    }
}
