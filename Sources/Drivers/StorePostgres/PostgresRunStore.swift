import DeployCore
package import DeployPorts
import JournalFormat
import PostgresClient
import Synchronization

/// The journal in the schema `bgdeploy` of a PostgreSQL database, shared by orchestrators on several hosts.
///
/// Every write is one statement, which is a transaction of its own: a process that stops in the middle of one
/// holds no lock, and a pooler in transaction mode (PgBouncer) may stand between. One connection reads, one
/// writes entries, commands and documents, one is for leases, so that none of them waits for the others; each
/// is opened when it is needed and anew when it was lost.
///
/// A write whose answer was lost is not simply tried again: either it can be told from what is there whether
/// it was carried out (entries, leases), or the same statement does nothing the second time (commands,
/// documents). Where neither can be found out `.unavailable` says that it is not known.
///
/// A lease lasts by the clock of the database, for all hosts alike: the `now` that the port hands over is not
/// used. A holder whose process on this host is dead is replaced at once, one on another host when its time
/// is over.
package final class PostgresRunStore: RunStore {
    /// Whose clock leases last by.
    package enum LeaseClock: Sendable {
        case database
        /// The `now` of each call: for tests, whose clock stands still.
        case caller
    }

    /// For one statement.
    package static let deadline = Duration.seconds(5)
    /// As long a server that is away is waited for, as when it is restarted.
    static let patience = Duration.seconds(5)

    let address: PostgresAddress
    let isAlive: @Sendable (LeaseHolder) -> Bool?
    let leaseClock: LeaseClock
    let reader: PostgresConnection
    let writer: PostgresConnection
    let leases: PostgresConnection
    /// What became of the last append to a run; kept of runs that are written to now.
    let memories = Mutex<[RunID: Memory]>([:])

    /// Connects to the database of `url`, and makes the tables if there are none.
    ///
    /// Of several hosts the first one that takes writes is used, unless the URL says otherwise. `isAlive`
    /// tells whether a lease's holder still runs, `nil` if that cannot be known from here. Throws
    /// `.unavailable` for a URL that is none, a database that cannot be reached or used, and `.unreadable`
    /// for a later version's journal. No error shows the password.
    package init(
        url: String,
        isAlive: @escaping @Sendable (LeaseHolder) -> Bool? = ProcessIdentity.isAlive,
        leaseClock: LeaseClock = .database
    ) async throws(RunStoreError) {
        do throws(PostgresError) {
            address = try PostgresAddress(url, defaults: ["target_session_attrs": "read-write"])
        } catch {
            guard case .badRequest(let text) = error else {
                throw .unavailable("the URL of the journal's database cannot be used")
            }
            throw .unavailable("the journal's database: \(text)")
        }
        self.isAlive = isAlive
        self.leaseClock = leaseClock
        reader = PostgresConnection(address, named: "bgdeploy reading")
        writer = PostgresConnection(address, named: "bgdeploy writing")
        leases = PostgresConnection(address, named: "bgdeploy leases")
        // A wrong password gets no better by waiting.
        _ = try await reader.repeated("SELECT 1", [], patience: .zero)
    }

    /// The hosts and the database, without user and password.
    package var place: String { address.place }
}
