package import DeployPorts

/// The kinds of steps and balancers that playbooks may name; the application fills it.
package struct Catalogue: Sendable {
    package let stepKinds: [StepKind]
    /// What `migrate` takes as keys of its own beside the step kinds, such as `apply`; nowhere else steps.
    package let migrationParts: [StepKind]
    package let balancerKinds: [BalancerKind]
    /// Whom a run can tell; with one or more of them `notify` is a step too.
    package let notifierKinds: [NotifierKind]
    /// Of the places whose clocks a window may go by.
    package let zones: any Zones

    package init(
        stepKinds: [StepKind],
        migrationParts: [StepKind] = [],
        balancerKinds: [BalancerKind],
        notifierKinds: [NotifierKind] = [],
        gauges: GaugeMaker? = nil,
        zones: any Zones = OnlyUTC()
    ) {
        self.notifierKinds = notifierKinds
        self.zones = zones
        self.stepKinds =
            stepKinds + (notifierKinds.isEmpty ? [] : [NotifyStep.kind(notifierKinds)])
            + (gauges.map { [MetricStep.kind($0)] } ?? [])
        self.migrationParts = migrationParts
        self.balancerKinds = balancerKinds
    }

    func stepKind(_ key: String) -> StepKind? { stepKinds.first { $0.key == key } }
    func balancerKind(_ key: String) -> BalancerKind? { balancerKinds.first { $0.key == key } }

    /// The kinds of the parts of `migrate` when it is a mapping, in the order in which they run.
    var migrationKinds: [StepKind] {
        PlaybookDecoder.migrationOrder.compactMap { key in
            migrationParts.first { $0.key == key } ?? stepKind(key)
        }
    }
}
