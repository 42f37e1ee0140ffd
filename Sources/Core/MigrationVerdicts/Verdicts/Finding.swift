/// What one rule says of one statement.
package struct Finding: Hashable, Sendable {
    package let rule: Rule
    /// `.compatible` when the rule is about locks only.
    package let compatibility: Compatibility
    /// `.none` when the rule is about the stable version only.
    package let hazard: LockHazard
    /// One sentence, of this statement.
    package let why: String
    /// Why the file says that it may be so; `nil` when the file does not.
    package var allowed: String?

    package init(_ rule: Rule, _ compatibility: Compatibility, _ hazard: LockHazard, _ why: String) {
        self.rule = rule
        self.compatibility = compatibility
        self.hazard = hazard
        self.why = why
    }
}

/// Both verdicts on a statement.
package struct Verdict: Hashable, Sendable {
    package let findings: [Finding]
    package let locks: [TakenLock]

    package init(findings: [Finding], locks: [TakenLock]) {
        self.findings = findings
        self.locks = locks
    }

    /// What is so, allowed or not.
    package var compatibility: Compatibility { findings.map(\.compatibility).max() ?? .compatible }

    package var hazard: LockHazard {
        max(locks.map(\.hazard).max() ?? .none, findings.map(\.hazard).max() ?? .none)
    }

    /// Whether the release stops here: it breaks the stable version, and the file does not say why it may.
    package var stops: Bool { findings.contains { $0.compatibility == .breaks && $0.allowed == nil } }

    /// Whether a return to the stable version needs a mend first: it breaks it, and the file allows that.
    package var needsForwardFix: Bool { compatibility == .breaks && !stops }
}
