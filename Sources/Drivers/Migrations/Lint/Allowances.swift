internal import MigrationVerdicts
internal import PgQuery

/// The comments of a file that allow what rules find, by the statement that they stand at.
struct Allowances {
    private(set) var of: [Int: [Allowance]] = [:]
    private(set) var mistakes: [LintMistake] = []

    init(of statements: [ParsedStatement], in text: NumberedText) {
        var start = 0
        for index in 0...statements.count {
            let isLast = index == statements.count
            // A comment on the line where a statement ends is that statement's, others are the next one's.
            let gap = SQLGap(text.bytes[min(start, text.bytes.count)...])
            for comment in gap.comments {
                let isBehind = index > 0 && text.line(of: comment.start) == text.line(of: start)
                guard let target = isBehind ? index - 1 : isLast ? nil : index else {
                    noteStray(comment, text)
                    continue
                }
                read(comment, for: target, text)
            }
            guard !isLast else { return }
            start = statements[index].range.upperBound
            while start < text.bytes.count,
                text.bytes[start] == UInt8(ascii: ";") || Self.isBlank(text, start)
            {
                start += 1
            }
        }
    }

    /// Before the semicolon there may be space, but no line's end: a comment behind it would lose its line.
    private static func isBlank(_ text: NumberedText, _ index: Int) -> Bool {
        text.bytes[index] == 0x20 || text.bytes[index] == 0x09
    }

    private mutating func read(_ comment: SQLGap.Comment, for index: Int, _ text: NumberedText) {
        do throws(Allowance.Problem) {
            guard let allowance = try Allowance(comment: comment.text) else { return }
            of[index, default: []].append(allowance)
        } catch {
            mistakes.append(text.mistake(Self.told(error), at: comment.start))
        }
    }

    private mutating func noteStray(_ comment: SQLGap.Comment, _ text: NumberedText) {
        guard comment.text.hasPrefix("bgdeploy:") else { return }
        mistakes.append(text.mistake("there is no statement behind this comment", at: comment.start))
    }

    private static func told(_ problem: Allowance.Problem) -> String {
        switch problem {
        case .form: "expected `bgdeploy: allow RULE because REASON`"
        case .noReason: "an allowance needs a reason: `bgdeploy: allow RULE because REASON`"
        case .unknownRule(let name, let nearest):
            "there is no rule \(name)" + (nearest.map { "; did you mean \($0.rawValue)?" } ?? "")
        }
    }
}
