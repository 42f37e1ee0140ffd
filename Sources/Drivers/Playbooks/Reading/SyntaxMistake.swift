import DeployPorts
import Yams

/// What libyaml complains about, in words for people who do not know YAML's grammar.
enum SyntaxMistake {
    static func diagnostic(_ error: any Error, in text: String) -> Diagnostic {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = Position(mark)
            return Diagnostic(place, words(problem, context, character(at: place, in: text)))
        case .reader(let problem, _, _, _):
            return Diagnostic(Position(line: 1, column: 1), "the file is not readable text: \(problem)")
        default:
            return Diagnostic(Position(line: 1, column: 1), "the file is not valid YAML")
        }
    }

    private static func words(
        _ problem: String,
        _ context: YamlError.Context?,
        _ character: Character?
    ) -> String {
        let opening = context.map { "line \($0.mark.line), column \($0.mark.column)" } ?? "an earlier line"
        switch problem {
        case "found character that cannot start any token" where character == "\t":
            return "a tab cannot indent; use spaces"
        case "found character that cannot start any token":
            let sign = character.map { "`\($0)`" } ?? "this character"
            return "a text cannot begin with \(sign); put it in quotes"
        case "mapping values are not allowed in this context":
            return "a second `:` on this line, or one that is indented too far; "
                + "put a text with `: ` in quotes, or the key on a line of its own"
        case "did not find expected ',' or ']'":
            return "expected `,` or `]`: the list that begins at \(opening) is not closed"
        case "did not find expected ',' or '}'":
            return "expected `,` or `}`: the mapping that begins at \(opening) is not closed"
        case "did not find expected key", "did not find expected '-' indicator":
            return "this line is not indented like the ones it belongs to, which begin at \(opening)"
        case "could not find expected ':'":
            return "expected `:` after the key at \(opening)"
        case "found unexpected end of stream", "found unexpected document indicator":
            return "the quotes that open at \(opening) are not closed"
        case "but found another document":
            return "a playbook is one document; remove this `---`"
        case "found a tab character that violates indentation":
            return "a tab cannot indent; use spaces"
        default: return "not valid YAML: \(problem)"
        }
    }

    private static func character(at position: Position, in text: String) -> Character? {
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        guard lines.indices.contains(position.line - 1) else { return nil }
        return lines[position.line - 1].dropFirst(position.column - 1).first
    }
}
