/// A comment that says why what rules find may be so: `-- bgdeploy: allow drop-column because …`.
///
/// It stands before its statement, or behind it on the same line.
package struct Allowance: Hashable, Sendable {
    package let rules: [Rule]
    package let reason: String

    package init(rules: [Rule], reason: String) {
        self.rules = rules
        self.reason = reason
    }

    package enum Problem: Error, Hashable, Sendable {
        /// It is not of the form `allow RULE[, RULE] because REASON`.
        case form
        case noReason
        /// With the nearest name that there is.
        case unknownRule(String, nearest: Rule?)
    }

    /// What else a comment may say to bgdeploy: how its own runner runs the file.
    package static let noTransaction = "bgdeploy: no transaction"

    /// `nil` for a comment that is not meant for the linter.
    package init?(comment: String) throws(Problem) {
        guard comment.hasPrefix("bgdeploy:"), comment != Self.noTransaction else { return nil }
        let words = comment.dropFirst("bgdeploy:".count)
            .split(whereSeparator: { $0 == " " || $0 == "," || $0.isNewline })
        guard words.first == "allow" else { throw .form }
        let names = words.dropFirst().prefix { $0 != "because" }
        guard !names.isEmpty else { throw .form }
        var rules: [Rule] = []
        for name in names {
            guard let rule = Rule(rawValue: String(name)) else {
                throw .unknownRule(String(name), nearest: Self.nearest(to: String(name)))
            }
            rules.append(rule)
        }
        guard let because = comment.firstRange(of: " because ") else { throw .noReason }
        let reason = comment[because.upperBound...].split(whereSeparator: \.isWhitespace)
            .joined(separator: " ")
        guard !reason.isEmpty else { throw .noReason }
        self.init(rules: rules, reason: reason)
    }

    /// The rule that shares most words with `name`.
    private static func nearest(to name: String) -> Rule? {
        let words = Set(name.lowercased().split(whereSeparator: { $0 == "-" || $0 == "_" }))
        func shared(_ rule: Rule) -> Int {
            words.intersection(Set(rule.rawValue.split(separator: "-"))).count
        }
        return Rule.allCases.filter { shared($0) > 0 }.max { shared($0) < shared($1) }
    }
}

extension Verdict {
    /// The same, with what `allowances` allow marked so.
    package func allowing(_ allowances: [Allowance]) -> Verdict {
        let findings = self.findings.map { finding in
            var finding = finding
            finding.allowed = allowances.first { $0.rules.contains(finding.rule) }?.reason
            return finding
        }
        return Verdict(findings: findings, locks: locks)
    }
}
