import DeployCore
package import DeployPorts
import SafeFile

extension FileChange {
    /// As a unified diff; empty when nothing changes.
    package var diff: String { UnifiedDiff.text(before: before, after: after, path: path) }
}

extension CommandFailure {
    /// What a balancer's error means for the command's end.
    package init(_ error: LoadBalancerError, at balancer: any LoadBalancer) {
        self.init(Self.status(of: error), "\(balancer.name): \(error.message)")
    }

    package static func status(of error: LoadBalancerError) -> ExitStatus {
        switch error {
        case .misconfigured, .rejected: .badInput
        case .unreachable: .unavailable
        case .forbidden: .forbidden
        case .fenced: .held
        case .drifted, .notInForce, .unknown: .failed
        }
    }
}
