import DeployCore
import DeployPorts
import SequentialStatistics
import TrafficJudgement

/// For programs.
extension RunReport {
    package var json: JSON {
        .object([
            ("run", .text(run.record.id.rawValue)), ("service", .text(plan.service)),
            ("version", .text(plan.version.rawValue)), ("state", .text(run.state.condition.rawValue)),
            ("stable", plan.stableJSON), ("candidate", plan.candidateJSON),
            ("runbook", plan.runbook?.json ?? .null), ("findings", foundJSON), ("outcome", .text(outcome)),
            ("cause", run.state.reason.map { .text($0) } ?? .null),
            ("impact", .text(impact)), ("harm", harmJSON),
            ("exposureSeconds", exposure.map { .decimal($0.seconds) } ?? .null),
            ("startedAt", .text(Clock.iso(run.record.startedAt))),
            ("updatedAt", .text(Clock.iso(run.updatedAt))),
            ("shares", sharesJSON), ("loads", loadsJSON), ("timeline", timelineJSON),
            ("evidence", findings.map(evidenceJSON) ?? .null), ("wayBack", wayBackJSON),
            ("incident", incident.map(incidentJSON) ?? .null),
            ("notes", .list(notes.all.map(Self.noteJSON))),
            ("actions", .list(notes.actions.map(Self.actionJSON))),
        ])
    }

    private func incidentJSON(_ incident: IncidentAccount) -> JSON {
        .object([
            ("run", .text((run.incident ?? plan.runbook?.incident)?.run.rawValue ?? run.record.id.rawValue)),
            ("severity", incident.severity.map { .text($0) } ?? .null),
            ("began", .text(Clock.iso(incident.began))),
            ("ended", incident.ended.map { .text(Clock.iso($0)) } ?? .null),
            ("seconds", incident.length.map { .decimal($0.seconds) } ?? .null),
            ("rootCause", notes.texts(.cause).last.map { .text($0.remark.text) } ?? .null),
            ("reportDue", .text(Clock.iso(incident.reportDue))),
            ("postMortemDue", incident.postMortemDue.map { .text("\($0)") } ?? .null),
        ])
    }

    private static func noteJSON(_ entry: RunRemarks.Entry) -> JSON {
        guard case .object(let fields) = entry.remark.json else { return .null }
        return .object([("at", .text(Clock.iso(entry.at))), ("by", .text(entry.by.name))] + fields)
    }

    private static func actionJSON(_ action: RunRemarks.Action) -> JSON {
        let remark = action.entry.remark
        return .object([
            ("number", .number(action.number)), ("text", .text(remark.text)),
            ("owner", remark.owner.map { .text($0) } ?? .null),
            ("due", remark.due.map { .text($0) } ?? .null), ("done", .flag(action.isDone)),
        ])
    }

    private var foundJSON: JSON {
        guard let part = plan.runbook else { return .list([]) }
        return .list(run.findings.findings(of: part).map(\.json))
    }

    private var sharesJSON: JSON {
        .list(
            shares.map {
                .object([("at", .text(Clock.iso($0.at))), ("candidate", .decimal($0.exposure.share.value))])
            }
        )
    }

    private var loadsJSON: JSON {
        .list(loads.map { .object([("step", .text($0.step)), ("text", .text($0.text))]) })
    }

    private var timelineJSON: JSON {
        .list(
            timeline.map { line in
                .object([
                    ("at", .text(Clock.iso(line.at))),
                    ("phase", line.phase.map { .text($0.rawValue) } ?? .null),
                    ("text", .text(line.text)),
                ])
            }
        )
    }

    private var harmJSON: JSON {
        guard let findings, let harm else { return .null }
        let impact = findings.impact
        return .object([
            ("text", .text(harm)), ("severity", severity.map { .text($0) } ?? .null),
            ("requests", .number(impact.requests)), ("failed", .number(impact.failed)),
            ("caused", .number(impact.caused)), ("allRequests", .number(impact.allRequests)),
            ("seconds", .number(Int(impact.seconds))),
            ("stableRequests", .number(impact.stableRequests)),
            ("stableFailed", .number(impact.stableFailed)),
        ])
    }

    private func evidenceJSON(_ findings: RunFindings) -> JSON {
        let replay = findings.replay
        let peaks = replay.peaks.map { peak in
            JSON.object([
                ("metric", .text(peak.metric.name)), ("evidence", .decimal(peak.logEvidence)),
                ("threshold", .decimal(peak.threshold)),
                ("since", .text(Clock.iso(findings.traffic.time(of: peak.since)))),
                ("at", .text(Clock.iso(findings.traffic.time(of: peak.tick)))),
            ])
        }
        let certificates = findings.certificates.map { step in
            JSON.object([
                ("step", .number(step.step)), ("share", .decimal(step.share * 100)),
                ("errors", .decimal(step.errors)), ("latency", step.latency.map { .decimal($0) } ?? .null),
                ("threshold", .decimal(step.needed)),
                ("enoughAt", step.enoughAt.map { .text(Clock.iso(findings.traffic.time(of: $0))) } ?? .null),
            ])
        }
        return .object([
            ("settingsFrom", .text(findings.judge.isGuessedBecause == nil ? "playbook" : "defaults")),
            ("against", .list(peaks)), ("for", .list(certificates)),
            ("began", .text(Clock.iso(findings.traffic.began))), ("seconds", .list(seconds(findings))),
        ])
    }

    /// Second by second: counts, share, and the evidence as it stood.
    private func seconds(_ findings: RunFindings) -> [JSON] {
        let replay = findings.replay
        let metrics = replay.peaks.map(\.metric)
        func arm(_ arm: Tick.Arm) -> JSON {
            .object([
                ("requests", .number(arm.requests)), ("errors", .number(arm.errors)),
                ("timed", .number(arm.timed)), ("slow", .number(arm.slow)),
            ])
        }
        return zip(replay.ticks, replay.judgements).map { tick, judgement in
            .object([
                ("second", .decimal(tick.start)), ("step", .number(tick.step + 1)),
                ("share", .decimal(tick.share * 100)), ("stable", arm(tick.stable)),
                ("candidate", arm(tick.candidate)),
                ("evidence", .object(metrics.map { ($0.name, .decimal(judgement.evidence[$0])) })),
            ])
        }
    }
}
