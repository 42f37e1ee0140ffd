package import DeployCore
package import DeployPorts

/// What to do when something is wrong: a file of the playbooks' language that releases nothing.
///
/// Its ``Playbook`` has neither environments nor balancers.
package struct Runbook: Sendable {
    package let name: String
    /// The service that it belongs to.
    package let service: String
    package let title: String
    /// Of a failed check that names none; `nil` for none.
    package let severity: IncidentSeverity?
    package let symptoms: [String]
    /// Constants, by the name between `${` and `}`.
    package let variables: [String: String]
    /// The diagnosis; never empty.
    package let look: [Check]
    package let actions: [Action]
    /// What stays a person's job, in order.
    package let manual: [String]

    /// A step that only looks, and what its failure means.
    package struct Check: Sendable {
        package let step: PlaybookStep
        package let severity: IncidentSeverity?
        package let hint: String?
        package let suggests: [Parameter.Scalar]
    }

    /// Something that may help, and that changes something.
    package struct Action: Sendable {
        package let name: String
        package let title: String
        package let steps: [PlaybookStep]
        /// `nil` to look again.
        package let verify: [Check]?
    }

    package func action(_ name: String) -> Action? { actions.first { $0.name == name } }

    var steps: [PlaybookStep] {
        look.map(\.step) + actions.flatMap { $0.steps + ($0.verify ?? []).map(\.step) }
    }
}
