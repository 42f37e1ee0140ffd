import DeployCore

/// How far a phase or a row of a live view has got.
enum LiveMark: Sendable {
    case toCome, current, done, failed
    /// It was not needed, or it was stopped on the way.
    case skipped
}

/// One phase as a live view shows it.
struct LivePhase: Equatable, Sendable {
    let name: PhaseName
    /// What is to be expected, in a few words.
    let outlook: String
    var mark = LiveMark.toCome
    var since: Timestamp?
    var ended: Timestamp?
    var rows: [LiveRow]

    mutating func begin(at now: Timestamp) {
        guard mark != .current else { return }
        mark = .current
        since = now
    }

    /// What was under way in it has ended with it.
    mutating func end(_ mark: LiveMark, at now: Timestamp) {
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
    enum Key: Equatable, Sendable {
        case step(StepID)
        case share(Exposure)
        case drain, monitor
    }

    let key: Key
    let title: String
    var mark = LiveMark.toCome
    var since: Timestamp?
    var ended: Timestamp?
    /// How it ended, in words.
    var detail: String?

    init(_ key: Key, _ title: String) {
        self.key = key
        self.title = title
    }

    init(_ step: Step) { self.init(.step(step.id), step.title) }

    mutating func begin(at now: Timestamp) {
        mark = .current
        since = since ?? now
    }

    mutating func end(_ mark: LiveMark, at now: Timestamp, _ detail: String? = nil) {
        self.mark = mark
        ended = now
        self.detail = detail ?? self.detail
    }
}

extension LivePhase {
    /// What the plan says about a phase, before it began.
    init(_ phase: Phase, of plan: Plan) {
        name = phase.name
        switch phase {
        case .steps(let phase):
            let steps = phase.groups.joined()
            outlook = steps.count == 1 ? "1 step" : "\(steps.count) steps"
            rows = steps.map { LiveRow($0) }
        case .drain(let phase):
            outlook = "up to \(phase.grace)"
            rows = (phase.request.map { [LiveRow($0)] } ?? [])
            rows.append(LiveRow(.drain, "\(plan.stable) finishes what it has begun"))
        case .shift(let phase):
            outlook = phase.exposures.map(\.description).joined(separator: " → ")
            rows = phase.exposures.map { LiveRow(.share($0), "\(plan.candidate) \($0)") }
        case .monitor(let phase):
            outlook = "\(phase.length)"
            rows =
                if let holdback = plan.holdback {
                    [
                        LiveRow(
                            .monitor,
                            "\(plan.candidate) is watched beside \(holdback) % of \(plan.stable)"
                        ),
                        LiveRow(.share(.full), "\(plan.candidate) 100 %"),
                    ]
                } else {
                    [LiveRow(.monitor, "\(plan.candidate) is watched with all traffic")]
                }
        }
    }

    /// The way back through `shares`, falling.
    init(wayBackTo plan: Plan, through shares: [Percent]) {
        name = .rollback
        outlook = ""
        rows = shares.map { share in
            LiveRow(
                .share(Exposure(share)),
                share == .zero ? "all traffic back to \(plan.stable)" : "\(plan.candidate) \(share) %"
            )
        }
        rows += plan.rollback.steps.map { LiveRow($0) }
    }
}
