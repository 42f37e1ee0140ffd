package import DeployCore
import DeployPorts

extension ServiceStatus {
    package var json: JSON {
        var fields: [(String, JSON)] = []
        if let run {
            fields.append(("run", .text(run.record.id.rawValue)))
        } else {
            fields.append(("run", .null))
        }
        fields.append(("service", .text(service)))
        fields.append(("version", run.map { .text($0.record.version.rawValue) } ?? .null))
        fields.append(("state", .text(state)))
        fields.append(("phase", run?.state.phase.map { .text($0.rawValue) } ?? .null))
        fields.append(("stable", run?.state.plan.stableJSON ?? .null))
        fields.append(("candidate", run?.state.plan.candidateJSON ?? .null))
        let split = observed ?? (run?.state.plan.runbook == nil ? run?.state.split : nil)
        fields.append(("split", split.map(EventJSON.split) ?? .null))
        let chosen = split?.chosen
        fields.append(("chosenUsers", chosen.map { .text($0.rawValue) } ?? .null))
        fields.append(("holdback", run?.state.plan.holdback.map { .decimal($0.value) } ?? .null))
        fields.append(("live", observed?.live.map { .text($0.rawValue) } ?? .null))
        fields.append(("waitingFor", run?.state.waiting.map(Self.waiting) ?? .null))
        fields.append(("nextTask", run?.state.nextTask.map(Self.task) ?? .null))
        fields.append(("retiredAt", run?.state.retiredAt.map { .text(Clock.iso($0)) } ?? .null))
        fields.append(("reason", run?.state.reason.map { .text($0) } ?? .null))
        fields.append(("startedAt", run.map { .text(Clock.iso($0.record.startedAt)) } ?? .null))
        fields.append(("updatedAt", run.map { .text(Clock.iso($0.updatedAt)) } ?? .null))
        fields.append(("lastEvent", run.map { .number($0.lastEvent) } ?? .null))
        fields.append(("balancers", .list(balancers.map(Self.balancer))))
        fields.append(("drift", .list(remarks.map { .text($0) })))
        return .object(fields)
    }

    private static func waiting(_ waiting: RunState.Waiting) -> JSON {
        .object([
            ("kind", .text(waiting.kind)), ("until", .text(Clock.iso(waiting.until))),
            ("title", .text(waiting.title)),
        ])
    }

    private static func task(_ task: PlannedTask) -> JSON {
        .object([
            ("kind", .text(task.kind.rawValue)), ("due", .text(Clock.iso(task.due))),
            ("title", .text(task.title)),
        ])
    }

    private static func balancer(_ balancer: Balancer) -> JSON {
        switch balancer.result {
        case .success(let seen):
            .object([
                ("name", .text(balancer.name)), ("split", seen.split.map(EventJSON.split) ?? .null),
                ("fileSplit", seen.fileSplit.map(EventJSON.split) ?? .null),
            ])
        case .failure(let error):
            .object([("name", .text(balancer.name)), ("split", .null), ("error", .text(error.message))])
        }
    }

    package func text(_ style: Style, now: Timestamp) -> String {
        var lines = [
            run?.state.plan.runbook != nil
                ? style(service, .bold)
                : style(service, .bold) + "  "
                    + (observed.map { Self.headline($0, style) } ?? style("split unknown", .red))
        ]
        for balancer in balancers {
            switch balancer.result {
            case .success(let seen):
                lines.append(
                    "  \(balancer.name)  \(seen.split.map { "\($0)" } ?? "sends traffic to neither")"
                )
            case .failure(let error): lines.append("  \(balancer.name)  " + style(error.message, .red))
            }
        }
        if let run { lines += self.lines(of: run, style, now) } else { lines.append("  no run yet") }
        lines += remarks.map { style("  ! \($0)", .yellow) }
        return lines.joined(separator: "\n")
    }

    private static func headline(_ split: Split, _ style: Style) -> String {
        if let live = split.live { return "\(style("\(live)", .green)) is live" }
        return style("\(split)", .yellow)
    }

    private func lines(of run: RecordedRun, _ style: Style, _ now: Timestamp) -> [String] {
        let tint: Style.Tint =
            switch run.state.condition {
            case .succeeded: .green
            case .failed, .rolledBack, .rollbackFailed: .red
            case .running, .waiting, .paused: .blue
            }
        let age = now.since(run.updatedAt)
        var lines = [
            "",
            "  run \(run.record.id)  \(run.record.version)  \(style(state, state == "interrupted" ? .yellow : tint))"
                + (run.state.phase.map { "  in \($0)" } ?? "")
                + style("  \(Span.seconds(age.milliseconds / 1000)) ago", .faint),
        ]
        if run.state.isSettled, let task = run.state.nextTask {
            lines.append("  next: \(Clock.date(task.due)): \(task.title)")
        } else if let waiting = run.state.waiting {
            lines.append(
                "  waits for \(waiting.kind) until \(Clock.time(waiting.until, seenAt: now)): \(waiting.title)"
            )
        }
        if let holdback = run.state.plan.holdback, run.state.phase == .monitor, run.state.confirmed != .full {
            lines.append(
                "  \(holdback) % stay on \(run.state.plan.stable) as the control until monitor has passed"
            )
        }
        if let retiredAt = run.state.retiredAt {
            lines.append("  \(run.state.plan.stable) is out of service since \(Clock.date(retiredAt))")
        }
        if let reason = run.state.reason { lines.append("  \(reason.replacing("\n", with: "\n  "))") }
        if let holder {
            lines.append(style("  driven by \(holder.actor), process \(holder.process)", .faint))
        }
        if state == "interrupted" {
            lines.append(
                run.state.plan.runbook == nil
                    ? "  go on with `bgdeploy resume`, take it back with `bgdeploy rollback`"
                    : "  go on with `bgdeploy resume \(run.record.id)`"
            )
        }
        return lines
    }
}
