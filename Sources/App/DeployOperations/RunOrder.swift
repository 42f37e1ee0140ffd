package import DeployCore
package import Playbooks

/// What somebody wants deployed.
package struct RunOrder: Sendable {
    package let version: Version
    /// In place of the playbook's; `nil` for that.
    package var strategy: Playbook.Strategy?
    package var reason: String?
    /// Whether it goes through closed windows, for ``reason``.
    package var overridesWindows: Bool
    /// What the run is to be called; `nil` for a new identity.
    package var identity: RunID?

    package init(
        _ version: Version,
        strategy: Playbook.Strategy? = nil,
        reason: String? = nil,
        overridesWindows: Bool = false,
        identity: RunID? = nil
    ) throws(CommandFailure) {
        guard !overridesWindows || reason?.isEmpty == false else {
            throw CommandFailure(.usage, "to go through a closed window goes into the journal: say why")
        }
        self.version = version
        self.strategy = strategy
        self.reason = reason
        self.overridesWindows = overridesWindows
        self.identity = identity
    }

    /// By `actor`; `nil` where it keeps to the windows.
    func override(by actor: Actor) -> WindowOverride? {
        overridesWindows ? WindowOverride(by: actor, reason: reason ?? "") : nil
    }
}
