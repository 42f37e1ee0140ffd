import DeployCore
import DeployPorts

extension BalancerFleet {
    /// A person's decision for the stable environment, made at a balancer while a run was under way: the rollback
    /// script beside it, or an emergency of another bgdeploy.
    struct Recall: Hashable, Sendable {
        let balancer: String
        let by: Actor?
        let reason: String?

        var text: String {
            guard let by, let reason else {
                return "the rollback script beside \(balancer) was run: everything goes back"
            }
            return "emergency rollback at \(balancer) by \(by): \(reason)"
        }

        var note: Note {
            Note(topic: "emergency", text: text, facts: ["balancer": balancer, "by": by?.name ?? ""])
        }
    }

    /// The first balancer, in the playbook's order, at which the holder of `token` was recalled.
    ///
    /// Only an emergency raises the epoch, and it keeps the counter. `nil` when any mark has a higher counter:
    /// then another process is in charge by now. Marks that cannot be read are left out.
    func recall(of token: FencingToken) async -> Recall? {
        let marks = await each { _, balancer async throws(LoadBalancerError) in try await balancer.mark() }
        var recall: Recall?
        for outcome in marks {
            guard let mark = try? outcome.result.get() else { continue }
            guard mark.token.counter <= token.counter else { return nil }
            if recall == nil, mark.recalls(token) {
                let emergency = mark.emergency
                recall = Recall(balancer: outcome.name, by: emergency?.by, reason: emergency?.reason)
            }
        }
        return recall
    }

    /// Goes back at one balancer.
    ///
    /// Where a person already went back to the stable environment nothing is changed any more: nobody overrides
    /// that, and it is no less than what is asked for.
    static func goBack(
        to split: Split,
        at balancer: any LoadBalancer,
        token: FencingToken
    ) async throws(LoadBalancerError) -> BalancerObservation {
        do throws(LoadBalancerError) {
            let change = try await balancer.stage(split, token: token, isReturn: true)
            return try await commit(change, at: balancer)
        } catch {
            guard case .fenced = error, let mark = try? await balancer.mark(), mark.recalls(token),
                let seen = try? await balancer.observe(), let live = seen.split?.live,
                live == mark.stable || seen.split?.isNearly(split) == true
            else { throw error }
            return seen
        }
    }
}

extension BalancerMark {
    /// Whether it was raised by a person's emergency over the holder of `holder`, and by no other process.
    fileprivate func recalls(_ holder: FencingToken) -> Bool {
        token.epoch > holder.epoch && token.counter <= holder.counter
    }
}
