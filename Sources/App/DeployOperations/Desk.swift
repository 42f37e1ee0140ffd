package import DeployCore
package import DeployPorts
package import JournalFormat
import Playbooks
import StorePostgres
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

    /// The journal and what is kept beside it.
    package func store() async throws(CommandFailure) -> any StateStore {
        try await state.open()
    }
}

/// A journal with the documents beside it.
package typealias StateStore = ChangeFeed & JournalArchive & RecordStore & RunStore

extension StateLocation {
    /// Opens what is there, and makes it where there is none.
    package func open() async throws(CommandFailure) -> any StateStore {
        do throws(RunStoreError) {
            switch journal {
            case .sqlite(let file): return try await SQLiteRunStore(path: file)
            case .postgres(let url): return try await PostgresRunStore(url: url)
            }
        } catch {
            throw CommandFailure(error)
        }
    }
}
