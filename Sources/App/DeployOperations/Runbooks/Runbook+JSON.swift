package import DeployCore

extension RunbookFold.Finding {
    /// As `runbook --output json` and reports have it.
    package var json: JSON {
        let (word, text): (String, String?) =
            switch outcome {
            case .fine(let summary): ("fine", summary)
            case .failed(let reason): ("failed", reason)
            case .unknown: ("unknown", nil)
            }
        return .object([
            ("check", .text(check.title)), ("outcome", .text(word)),
            ("found", text.map { .text($0) } ?? .null),
            ("severity", severity.map { .text($0.rawValue) } ?? .null),
            ("hint", check.hint.map { .text($0) } ?? .null),
            ("suggests", .list(check.suggests.map { .text($0) })),
            ("shown", shown.map { .text($0) } ?? .null),
        ])
    }
}

extension RunbookPart {
    /// Whose run it is.
    package var json: JSON {
        .object([
            ("name", .text(name)), ("service", .text(service)), ("title", .text(title)),
            ("action", action.map { .text($0) } ?? .null),
        ])
    }
}

extension Plan {
    /// `null` for a runbook, which has neither environment.
    package var stableJSON: JSON { runbook == nil ? .text(stable.rawValue) : .null }
    package var candidateJSON: JSON { runbook == nil ? .text(candidate.rawValue) : .null }
}

extension Incident {
    package var json: JSON {
        .object([
            ("run", .text(run.rawValue)), ("since", .text(Clock.iso(since))),
            ("severity", severity.map { .text($0.rawValue) } ?? .null),
        ])
    }
}
