import DeployPorts
import Synchronization

/// Answers for servers that nobody runs; they take connections until told otherwise.
package final class FakeProbe: ServerProbe {
    private let refusals = Mutex<[String: String]>([:])

    package init() {}

    /// `nil` lets `server` take connections again.
    package func refuse(_ server: String, because reason: String?) {
        refusals.withLock { $0[server] = reason }
    }

    package func refusal(of server: String) async -> String? { refusals.withLock { $0[server] } }
}
