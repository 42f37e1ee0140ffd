package import DeployCore
package import DeployPorts

/// A plan and what its steps do, made together so that their ids agree.
///
/// The same playbook text and the same inputs give the same plan with the same ids: a resumed run makes this again
/// from the text in the journal.
package struct FrozenPlan: Sendable {
    package let plan: Plan
    /// Every step of kind `action` has one.
    package let actions: [StepID: any StepAction]
    /// Every step of kind `action` has one.
    package let policies: [StepID: StepPolicy]
}
