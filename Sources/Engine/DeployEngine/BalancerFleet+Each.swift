import DeployCore
import DeployPorts

extension BalancerFleet {
    /// What one balancer answered.
    struct Outcome<Value: Sendable>: Sendable {
        let index: Int
        let name: String
        let result: Result<Value, LoadBalancerError>

        var failed: Failed? {
            if case .failure(let error) = result {
                Failed(index: index, name: name, error: error)
            } else {
                nil
            }
        }
    }

    /// A balancer that failed.
    struct Failed: Sendable {
        let index: Int
        let name: String
        let error: LoadBalancerError

        var line: String { "\(name): \(error.message)" }

        var isUnreachable: Bool {
            if case .unreachable = error { true } else { false }
        }

        var isFenced: Bool {
            if case .fenced = error { true } else { false }
        }

        var isMisconfigured: Bool {
            if case .misconfigured = error { true } else { false }
        }
    }

    /// Does `work` at every balancer, or at those of `chosen`, and returns what each answered in the
    /// playbook's order.
    ///
    /// Those of one name take their turns in the order of `chosen`, the others work side by side.
    func each<Value: Sendable>(
        of chosen: [Int]? = nil,
        _ work: @escaping @Sendable (Int, any LoadBalancer) async throws(LoadBalancerError) -> Value
    ) async -> [Outcome<Value>] {
        let places = Dictionary(grouping: chosen ?? Array(balancers.indices)) { balancers[$0].name }
        return await withTaskGroup(of: [Outcome<Value>].self) { group in
            // In the playbook's order, so that equal worlds give equal runs.
            for place in places.values.sorted(by: { $0[0] < $1[0] }) {
                group.addTask {
                    var outcomes: [Outcome<Value>] = []
                    for index in place { outcomes.append(await outcome(of: index, work)) }
                    return outcomes
                }
            }
            var all: [Outcome<Value>] = []
            for await outcomes in group { all += outcomes }
            return all.sorted { $0.index < $1.index }
        }
    }

    private func outcome<Value: Sendable>(
        of index: Int,
        _ work: @Sendable (Int, any LoadBalancer) async throws(LoadBalancerError) -> Value
    ) async -> Outcome<Value> {
        let balancer = balancers[index]
        do throws(LoadBalancerError) {
            return Outcome(
                index: index,
                name: balancer.name,
                result: .success(try await work(index, balancer))
            )
        } catch {
            return Outcome(index: index, name: balancer.name, result: .failure(error))
        }
    }
}
