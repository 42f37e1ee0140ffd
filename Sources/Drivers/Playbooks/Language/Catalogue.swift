package import DeployPorts

/// The kinds of steps and balancers that playbooks may name; the application fills it.
package struct Catalogue: Sendable {
    package let stepKinds: [StepKind]
    package let balancerKinds: [BalancerKind]

    package init(stepKinds: [StepKind], balancerKinds: [BalancerKind]) {
        self.stepKinds = stepKinds
        self.balancerKinds = balancerKinds
    }

    func stepKind(_ key: String) -> StepKind? { stepKinds.first { $0.key == key } }
    func balancerKind(_ key: String) -> BalancerKind? { balancerKinds.first { $0.key == key } }
}
