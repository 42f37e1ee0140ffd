import DeployCore
import Playbooks

/// What a plan says of times to come: windows, and what is done after a release.
extension PlanView {
    private var plan: Plan { frozen.plan }

    /// Whether a run that came to the window now would pass it.
    func forecast(of gate: WindowGate, _ step: Step, _ style: Style) -> String {
        if let opening = gate.openings.first(where: { $0.from <= now && now < $0.until }) {
            return style("      open now, until \(Clock.date(opening.until))", .faint)
        }
        guard let opens = gate.opens(at: now) else {
            return style("      closed, and does not open in the time looked ahead", .red)
        }
        let isTooLate = gate.stops || opens > now.advanced(by: step.deadline)
        let end = isTooLate ? "; the run would end here" : ""
        return style("      closed now, opens \(Clock.date(opens))\(end)", isTooLate ? .red : .yellow)
    }

    func windowJSON(_ step: Step) -> [(String, JSON)] {
        guard case .window(let gate) = step.kind else { return [] }
        return [
            ("isOpen", .flag(gate.isOpen(at: now))),
            ("opens", gate.opens(at: now).map { .text(Clock.iso($0)) } ?? .null),
        ]
    }

    /// After the release, in the order of their times.
    var plannedSteps: [(after: Span, step: Step)] {
        let followUps = plan.followUps.map { (after: $0.after, step: $0.step) }
        guard let retirement = plan.retirement else { return followUps }
        let steps = ([Retirement.check] + retirement.steps).map { (after: retirement.after, step: $0) }
        let later = followUps.firstIndex { $0.after > retirement.after } ?? followUps.endIndex
        return followUps[..<later] + steps + followUps[later...]
    }

    func afterwards(_ style: Style) -> [String] {
        guard !plannedSteps.isEmpty else { return [] }
        return ["", style("afterwards", .bold)] + plannedSteps.map { "  · in \($0.after): \($0.step.title)" }
    }

    func json(_ planned: (after: Span, step: Step)) -> JSON {
        .object([
            ("afterSeconds", .decimal(planned.after.seconds)), ("id", .text(planned.step.id.rawValue)),
            ("title", .text(planned.step.title)),
        ])
    }
}
