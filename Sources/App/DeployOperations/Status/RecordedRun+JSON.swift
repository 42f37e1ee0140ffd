import DeployCore
import DeployPorts

extension RecordedRun {
    /// As `history --output json` lists it.
    package var json: JSON {
        .object([
            ("run", .text(record.id.rawValue)), ("service", .text(record.service)),
            ("version", .text(record.version.rawValue)), ("state", .text(state.condition.rawValue)),
            ("stable", state.plan.stableJSON), ("candidate", state.plan.candidateJSON),
            ("runbook", state.plan.runbook?.json ?? .null), ("incident", incident?.json ?? .null),
            ("reason", state.reason.map { .text($0) } ?? .null),
            ("startedAt", .text(Clock.iso(record.startedAt))),
            ("updatedAt", .text(Clock.iso(updatedAt))),
            ("lastEvent", .number(lastEvent)),
        ])
    }
}
