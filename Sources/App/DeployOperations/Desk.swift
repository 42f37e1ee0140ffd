package import DeployCore
package import DeployPorts
import Playbooks
import StoreSQLite

/// Who acts and from where: what every operation on a service needs besides the service.
package struct Desk: Sendable {
    package let actor: Actor
    package let environment: [String: String]
    package let state: StateLocation
    package let clock: any Timekeeper

    package init(
        actor: Actor,
        environment: [String: String],
        state: StateLocation,
        clock: any Timekeeper
    ) {
        self.actor = actor
        self.environment = environment
        self.state = state
        self.clock = clock
    }

    package func store() async throws(CommandFailure) -> any RunStore {
        do throws(RunStoreError) {
            return try await SQLiteRunStore(path: state.file)
        } catch {
            throw CommandFailure(error)
        }
    }
}
