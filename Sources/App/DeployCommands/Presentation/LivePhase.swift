import DeployCore
import DeployOperations

/// One phase as a live view shows it.
struct LivePhase: Equatable, Sendable {
    let name: PhaseName
    /// What is to be expected, in a few words.
    let outlook: String
    var mark = Planned.Mark.toCome
    var since: Timestamp?
    var ended: Timestamp?
    var rows: [LiveRow]

    mutating func begin(at now: Timestamp) {
        guard mark != .current else { return }
        mark = .current
        since = now
    }

    /// What was under way in it has ended with it.
    mutating func end(_ mark: Planned.Mark, at now: Timestamp) {
        guard self.mark == .current || self.mark == .toCome else { return }
        self.mark = mark
        since = since ?? now
        ended = now
        for index in rows.indices where rows[index].mark == .current {
            rows[index].end(mark == .done ? .done : .skipped, at: now)
        }
    }
}

/// One line below a phase: a step, a share of the traffic, a wait.
struct LiveRow: Equatable, Sendable {
    let planned: Planned
    var mark = Planned.Mark.toCome
    var since: Timestamp?
    var ended: Timestamp?
    /// How it ended, in words.
    var detail: String?

    init(_ planned: Planned) { self.planned = planned }

    mutating func begin(at now: Timestamp) {
        mark = .current
        since = since ?? now
    }

    mutating func end(_ mark: Planned.Mark, at now: Timestamp, _ detail: String? = nil) {
        self.mark = mark
        ended = now
        self.detail = detail ?? self.detail
    }
}

extension LivePhase {
    /// What the plan says about a phase, before it began.
    init(_ phase: Phase, of plan: Plan) {
        name = phase.name
        outlook = phase.outlook
        rows = Planned.items(of: phase, plan).map { LiveRow($0) }
    }

    /// The way back through `shares`, falling.
    init(wayBackTo plan: Plan, through shares: [Percent]) {
        name = .rollback
        outlook = ""
        let way = shares.map { share in
            Planned(
                .share(Exposure(share)),
                share == .zero ? "all traffic back to \(plan.stable)" : "\(plan.candidate) \(share) %"
            )
        }
        rows = (way + plan.rollback.steps.map { Planned($0) }).map { LiveRow($0) }
    }
}
