import DeployCore
import DeployPorts

/// Windows, and the end of an environment's service.
extension EffectPerformer {
    /// The longest stretch that is slept through without a look at the wall clock, which may be set.
    private static let nap = Span.seconds(60)

    /// Waits until the window opens; one that does not open in time, as far as is known, is not waited for.
    func window(_ step: Step, _ opens: Timestamp?, _ until: Timestamp) async -> RunEvent.Kind.Outcome {
        guard let opens, opens <= until else {
            let when = opens.map { "it opens \($0.utcText)" } ?? "it does not open in the time looked ahead"
            return .failed(
                reason: """
                    \(step.title): closed; \(when)
                    To go through it, with your name and reason in the journal: \
                    bgdeploy run \(plan.version) --override-window --reason TEXT
                    """
            )
        }
        while clock.now() < opens {
            do { try await clock.sleep(for: min(Self.nap, opens.since(clock.now()))) } catch { break }
        }
        guard case .window(let gate) = step.kind, let override = plan.windowOverride, !gate.isOpen(at: opens)
        else { return .succeeded(captures: [:], summary: "open") }
        let text = "\(step.title): closed, and gone through by \(override.by): \(override.reason)"
        let facts = ["step": "\(step.id)", "by": override.by.name, "reason": override.reason]
        note(Note(topic: Note.windowOverride, text: text, facts: facts))
        return .succeeded(
            captures: [:],
            summary: "closed, gone through by \(override.by): \(override.reason)"
        )
    }

    /// Whether nobody uses the stable environment any more, as the balancers tell it.
    func checkRetirement() async -> RunEvent.Kind.Outcome {
        do throws(BalancerFleet.Failure) {
            let split = try await fleet.agreedSplit()
            guard split.live == plan.candidate else {
                return .failed(reason: "\(plan.stable) cannot be retired: it still has traffic (\(split))")
            }
            let count = try await fleet.connections(to: plan.stable)
            guard count == 0 else {
                return .failed(
                    reason: "\(plan.stable) cannot be retired: it still has \(count) connections"
                )
            }
            return .succeeded(
                captures: [:],
                summary: "\(plan.stable) has no traffic and no connections: out of service"
                    + fleet.roll.suffix
            )
        } catch {
            return .failed(reason: "\(plan.stable) cannot be retired: \(error.reason)")
        }
    }
}

extension Note {
    /// The topic of a closed window that a run was let through.
    package static let windowOverride = "window override"
}
