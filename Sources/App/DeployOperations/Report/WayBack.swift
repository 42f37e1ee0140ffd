package import DeployCore
package import Playbooks

/// How a run put its users back, as its journal has it.
package struct WayBack {
    package let kind: Playbook.WayBack
    package let decidedAt: Timestamp
    /// `nil` when the run decided by itself.
    package let by: Actor?
    /// When every balancer had confirmed that the candidate has nothing; `nil` as long as none has.
    package fileprivate(set) var confirmedAt: Timestamp?

    /// `nil` as long as it is not over.
    package var took: Span? { confirmedAt.map { $0.since(decidedAt) } }
}

/// Follows a journal for the way back.
struct WayBackFold {
    private(set) var wayBack: WayBack?

    mutating func take(_ event: RunEvent, before: RunState, after: RunState) {
        if case .returning(let journey) = after.stage, after.hasMovedTraffic, wayBack == nil {
            let isGradual = journey.shares.count > 1
            wayBack = WayBack(
                kind: isGradual ? .gradual : after.plan.instantWayBack,
                decidedAt: event.at,
                by: event.person
            )
        }
        guard case .succeeded(let id, _, _) = event.kind, wayBack?.confirmedAt == nil,
            case .route(let exposure) = before.pending.first(where: { $0.id == id })?.effect, exposure.isNone,
            before.phase == .rollback
        else { return }
        wayBack?.confirmedAt = event.at
    }
}

extension Plan {
    /// By the way on which users came to the candidate.
    fileprivate var instantWayBack: Playbook.WayBack {
        for case .shift(let shift) in phases {
            if shift.chosenUsers == true { return .ab }
            return shift.shares.count > 1 ? .canary : .instant
        }
        return .instant
    }
}

extension RunEvent {
    fileprivate var person: Actor? {
        if case .commanded(_, let actor, _) = kind, actor != .bgdeploy { actor } else { nil }
    }
}

extension RunReport {
    /// What the playbook promises for this way back.
    package var promise: Span? { wayBack.flatMap { promises[$0.kind] } }

    /// Whether the promise was kept; `nil` without one, and as long as the way back is not over.
    package var isPromiseKept: Bool? {
        guard let promise, let took = wayBack?.took else { return nil }
        return took <= promise
    }

    /// `canary, 3s121ms from the decision until the balancers confirmed it; promised: 2m (kept)`.
    package var wayBackText: String? {
        guard let wayBack else { return nil }
        let promised = promise.map { "; promised: \($0)" } ?? ""
        guard let took = wayBack.took else {
            return "\(wayBack.kind.rawValue), not confirmed by the balancers\(promised)"
        }
        let isKept = isPromiseKept.map { $0 ? " (kept)" : " (PROMISE BROKEN)" } ?? ""
        return
            "\(wayBack.kind.rawValue), \(Self.rounded(took)) from the decision until the balancers confirmed it"
            + promised + isKept
    }

    var wayBackJSON: JSON {
        guard let wayBack else { return .null }
        return .object([
            ("kind", .text(wayBack.kind.rawValue)), ("decidedAt", .text(Clock.iso(wayBack.decidedAt))),
            ("by", wayBack.by.map { .text($0.name) } ?? .null),
            ("confirmedAt", wayBack.confirmedAt.map { .text(Clock.iso($0)) } ?? .null),
            ("seconds", wayBack.took.map { .decimal($0.seconds) } ?? .null),
            ("promisedSeconds", promise.map { .decimal($0.seconds) } ?? .null),
            ("kept", isPromiseKept.map { .flag($0) } ?? .null),
        ])
    }
}
