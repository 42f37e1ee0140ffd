package import DeployCore
import DeployEngine
package import DeployOperations
package import DeployPorts
import Synchronization

/// Where services stand, for those who look at many: their balancers are asked side by side.
///
/// What was seen in the last 3 s is told again, so that ten who look ask the balancers once.
package final class StatusBoard: Sendable {
    package struct Seen: Sendable {
        package let name: String
        package let status: Result<ServiceStatus, CommandFailure>
        package let at: Timestamp
    }

    private static let lifetime = Span.seconds(3)
    /// No service is waited for longer, whatever its balancers do.
    private static let patience = Span.seconds(5)

    private let store: any RunStore
    private let clock: any Timekeeper
    private let known = Mutex<[String: Seen]>([:])

    package init(store: any RunStore, clock: any Timekeeper) {
        self.store = store
        self.clock = clock
    }

    /// Where each of `services` stands, in their order.
    package func look(at services: [ServiceDirectory.Listed]) async -> [Seen] {
        await withTaskGroup(of: (Int, Seen).self) { group in
            for (number, listed) in services.enumerated() {
                group.addTask { (number, await self.seen(listed)) }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func seen(_ listed: ServiceDirectory.Listed) async -> Seen {
        let now = clock.now()
        if let seen = known.withLock({ $0[listed.name] }), now.since(seen.at) < Self.lifetime { return seen }
        let status = await status(of: listed)
        let seen = Seen(name: listed.name, status: status, at: clock.now())
        known.withLock { $0[listed.name] = seen }
        return seen
    }

    private func status(of listed: ServiceDirectory.Listed) async -> Result<ServiceStatus, CommandFailure> {
        let service: Service
        switch listed.service {
        case .success(let known): service = known
        case .failure(let failure): return .failure(failure)
        }
        do throws(DeadlinePassed) {
            return try await within(Self.patience, clock: clock) { [store] in
                do throws(CommandFailure) {
                    return .success(try await ServiceStatus.read(service, store, run: nil))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            let what = "the balancers of \(listed.name) did not answer within \(Self.patience)"
            return .failure(CommandFailure(.unavailable, "\(what); see `bgdeploy check --live`"))
        }
    }
}
