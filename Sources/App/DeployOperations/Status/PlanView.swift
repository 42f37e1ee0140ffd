package import DeployCore
import DeployPorts
package import Migrations
package import Playbooks

/// A frozen plan as people and programs read it.
package struct PlanView {
    package struct Change {
        package let exposure: Exposure
        package let balancer: String
        /// Empty when the file would stay as it is.
        package let diff: String
    }

    package let frozen: FrozenPlan
    /// What the gate would say of the pending migrations; `nil` where the playbook has no gate.
    package let migrations: Result<GateForecast, CommandFailure>?
    /// How each divides the traffic, and what that costs.
    package let balancers: [(name: String, method: String)]
    package let changes: [Change]
    /// The median of runs that succeeded; `nil` without any.
    package let estimate: Span?
    /// When it was made.
    package let now: Timestamp

    private var plan: Plan { frozen.plan }

    package func text(_ style: Style) -> String {
        var lines = [
            "\(style(plan.service, .bold)) \(plan.version): \(plan.stable) is live"
                + (plan.previousVersion.map { " (\($0))" } ?? "")
                + ", \(plan.candidate) gets the version"
        ]
        for phase in plan.phases {
            lines.append("")
            lines.append(style(phase.name.rawValue, .bold))
            lines += self.lines(of: phase, style)
        }
        if !plan.rollback.steps.isEmpty {
            lines += ["", style("rollback, if it comes to that", .bold)]
            lines += plan.rollback.steps.map { "  · \($0.title)" }
        }
        lines += afterwards(style)
        lines += [
            "",
            estimate.map { "runs of this service take \(Span.seconds($0.milliseconds / 1000)) (median)" }
                ?? "no run of this service has succeeded yet: nothing to estimate its time from",
        ]
        return lines.joined(separator: "\n")
    }

    private func lines(of phase: Phase, _ style: Style) -> [String] {
        switch phase {
        case .steps(let phase):
            phase.groups.flatMap { group in
                group.flatMap { step in
                    ["  · \(step.title)" + (group.count > 1 ? style("  (side by side)", .faint) : "")]
                        + forecast(at: step, style)
                }
            }
        case .drain(let phase):
            (phase.request.map { ["  · \($0.title)"] } ?? []) + [
                "  · wait up to \(phase.grace) for \(plan.stable)'s connections to end, then \(phase.whenNotEmpty.rawValue)"
            ]
        case .shift(let phase):
            balancers.map { style("  \($0.name): \($0.method)", .faint) }
                + phase.exposures.flatMap { lines(of: $0, phase, style) }
        case .monitor(let phase):
            ["  · watch for \(phase.length); back to \(plan.stable) when \(plan.candidate) turns bad"]
                + (plan.holdback == nil
                    ? [] : ["  · then \(plan.split(candidate: .full))"] + diffs(at: .full, style))
        }
    }

    /// What the gate would say, below its step.
    private func forecast(at step: Step, _ style: Style) -> [String] {
        if case .window(let gate) = step.kind { return [forecast(of: gate, step, style)] }
        guard frozen.actions[step.id] is GateStep else { return [] }
        switch migrations {
        case .success(let forecast):
            let end = forecast.obstacle.map { _ in style("      the run would end here", .red) }
            return ["      \(forecast.summary)"] + forecast.pending.map { "      \($0)" }
                + forecast.lines.map { style("      " + Style.harmless($0), .faint) }
                + [end].compactMap(\.self)
        case .failure(let failure): return [style("      not known: \(failure.message)", .yellow)]
        case nil: return []
        }
    }

    private func lines(of exposure: Exposure, _ phase: SwitchPhase, _ style: Style) -> [String] {
        let hold =
            exposure == phase.exposures.last
            ? phase.holdback.map { ", \($0) % stay on \(plan.stable) as the control" } ?? ""
            : ", watched for \(phase.hold) at most"
        return ["  · \(plan.split(candidate: exposure))\(hold)"] + diffs(at: exposure, style)
    }

    private func diffs(at exposure: Exposure, _ style: Style) -> [String] {
        changes.filter { $0.exposure == exposure }.flatMap { change in
            change.diff.isEmpty
                ? ["      \(change.balancer): unchanged"]
                : Self.tinted(change.diff, style).map { "      " + $0 }
        }
    }

    /// A unified diff's lines, in colours.
    package static func tinted(_ diff: String, _ style: Style) -> [String] {
        diff.split(separator: "\n").map { line in
            let tint: Style.Tint = line.hasPrefix("+") ? .green : line.hasPrefix("-") ? .red : .faint
            return style(Style.harmless(String(line)), tint)
        }
    }

    package var json: JSON {
        .object([
            ("service", .text(plan.service)), ("version", .text(plan.version.rawValue)),
            ("stable", .text(plan.stable.rawValue)), ("candidate", .text(plan.candidate.rawValue)),
            ("previousVersion", plan.previousVersion.map { .text($0.rawValue) } ?? .null),
            ("phases", .list(plan.phases.map(json))),
            ("rollback", .list(plan.rollback.steps.map(json))),
            ("afterwards", .list(plannedSteps.map(json))),
            (
                "balancers",
                .list(
                    balancers.map { .object([("name", .text($0.name)), ("method", .text($0.method))]) }
                )
            ),
            (
                "traffic",
                .list(
                    changes.map { change in
                        .object([
                            ("split", EventJSON.split(plan.split(candidate: change.exposure))),
                            ("chosenUsers", .flag(change.exposure.hasChosenUsers)),
                            ("balancer", .text(change.balancer)), ("diff", .text(change.diff)),
                        ])
                    }
                )
            ),
            ("migrations", migrationsJSON),
            ("estimatedSeconds", estimate.map { .decimal($0.seconds) } ?? .null),
        ])
    }

    private var migrationsJSON: JSON {
        switch migrations {
        case .success(let forecast):
            .object([
                ("pending", .list(forecast.pending.map { .text($0) })),
                ("summary", .text(forecast.summary)),
                ("stops", .flag(forecast.obstacle != nil)),
                ("statements", .list(forecast.report.statements.map(LintJSON.statement))),
            ])
        case .failure(let failure): .object([("unknown", .text(failure.message))])
        case nil: .null
        }
    }

    private func json(_ phase: Phase) -> JSON {
        var fields: [(String, JSON)] = [("phase", .text(phase.name.rawValue))]
        switch phase {
        case .steps(let phase): fields.append(("steps", .list(phase.groups.joined().map(json))))
        case .drain(let phase):
            fields.append(("graceSeconds", .decimal(phase.grace.seconds)))
            fields.append(("steps", .list(phase.request.map { [json($0)] } ?? [])))
        case .shift(let phase):
            fields.append(("shares", .list(phase.shares.map { .decimal($0.value) })))
            fields.append(("holdSeconds", .decimal(phase.hold.seconds)))
            fields.append(("holdback", phase.holdback.map { .decimal($0.value) } ?? .null))
        case .monitor(let phase): fields.append(("seconds", .decimal(phase.length.seconds)))
        }
        return .object(fields)
    }

    private func json(_ step: Step) -> JSON {
        .object(
            [
                ("id", .text(step.id.rawValue)), ("title", .text(step.title)),
                ("timeoutSeconds", .decimal(step.deadline.seconds)),
                ("onFailure", .text(step.onFailure.rawValue)),
            ] + windowJSON(step)
        )
    }
}
