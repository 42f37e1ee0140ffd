package import DeployCore
import DeployEngine
package import DeployPorts
import JournalFormat

extension Lease {
    /// As long what is done before a run's first step, or by hand, may take.
    static let workLimit = Span.minutes(2)

    /// Whether its holder still has it: a process that is known to be gone has not, nor one that has not renewed it.
    package func isHeld(at now: Timestamp) -> Bool {
        ProcessIdentity.isAlive(holder) != false && expires >= now
    }

    /// Whether somebody has it who may yet answer: as far as it can be known from here by the process, else by the time.
    package func mayAnswer(at now: Timestamp) -> Bool { ProcessIdentity.isAlive(holder) ?? (expires >= now) }

    /// Does `work` while the lease is renewed; `failing` tells what it means that it was lost, or took too long.
    func kept<Value: Sendable>(
        in store: any RunStore,
        _ clock: any Timekeeper,
        _ work: @escaping @Sendable () async throws(CommandFailure) -> Value,
        failing: (LeaseKeeper.Loss) -> CommandFailure
    ) async throws(CommandFailure) -> Value {
        let result: Result<Value, CommandFailure>
        do throws(LeaseKeeper.Loss) {
            result = try await LeaseKeeper(self, in: store, clock: clock).during(atMost: Self.workLimit) {
                do throws(CommandFailure) {
                    return .success(try await work())
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw failing(error)
        }
        return try result.get()
    }
}
