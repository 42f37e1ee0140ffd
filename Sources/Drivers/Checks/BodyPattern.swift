import DeployPorts

/// A regular expression that must match somewhere in a body or a message.
///
/// What `${…}` stands for is matched as it is: the dots of a version are dots.
struct BodyPattern: Hashable, Sendable {
    let template: Template

    init(_ template: Template) { self.template = template }

    /// What is wrong with the expression of the key `key`; `nil` when nothing is.
    func complaint(_ key: String) -> String? {
        let pattern = template.parts.map { part in
            if case .text(let text) = part { text } else { "x" }
        }
        do {
            _ = try Regex(pattern.joined())
            return nil
        } catch {
            return "`\(key)` is not a regular expression: \(error)"
        }
    }

    func matches(_ body: [UInt8], values: Values) throws(StepFailure) -> Bool {
        var pattern = ""
        for part in template.parts {
            switch part {
            case .text(let text): pattern += text
            case .reference(let name): pattern += Self.literal(try values.value(of: name))
            }
        }
        do {
            return String(decoding: body, as: UTF8.self).contains(try Regex(pattern))
        } catch {
            throw StepFailure(
                "`\(template.source)` is not a regular expression: \(error)",
                isTransient: false
            )
        }
    }

    private static func literal(_ text: String) -> String {
        text.map { character in
            character.isASCII && !character.isLetter && !character.isNumber && !character.isWhitespace
                ? "\\\(character)" : String(character)
        }.joined()
    }
}
