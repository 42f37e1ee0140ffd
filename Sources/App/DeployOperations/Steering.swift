package import DeployCore
import DeployEngine
package import DeployPorts

/// Sends a command to the process that drives a run.
package struct Steering {
    package let desk: Desk
    package let store: any RunStore

    /// How long the other process may take to answer.
    private static let patience = Span.seconds(10)

    package init(desk: Desk, store: any RunStore) {
        self.desk = desk
        self.store = store
    }

    /// Posts the command and waits for the answer.
    ///
    /// Returns `false` when no living process holds the run: the command then lies ready for who resumes it, unless
    /// `onlyIfHeld`, because the caller takes the run over with it.
    package func post(
        _ command: Command,
        _ reason: String?,
        to recorded: RecordedRun,
        onlyIfHeld: Bool = false
    ) async throws(CommandFailure) -> Bool {
        let posted = PostedCommand(
            command: command,
            by: desk.actor,
            reason: reason,
            at: desk.clock.now()
        )
        do throws(RunStoreError) {
            let lease = try await store.lease(on: recorded.record.service)
            let isHeld = lease?.mayAnswer(at: desk.clock.now()) ?? false
            guard isHeld || !onlyIfHeld else { return false }
            let id = try await store.post(posted, to: recorded.record.id)
            guard isHeld else { return false }
            let deadline = desk.clock.now().advanced(by: Self.patience)
            while desk.clock.now() < deadline {
                if let reply = try await store.reply(to: id) {
                    guard let refusal = reply.refusal else { return true }
                    throw .unavailable(refusal)
                }
                do { try await desk.clock.sleep(for: .milliseconds(50)) } catch { break }
            }
        } catch {
            if case .unavailable(let text) = error { throw CommandFailure(.failed, text) }
            throw CommandFailure(error)
        }
        throw CommandFailure(
            .held,
            "the process that drives run \(recorded.record.id) does not answer; `bgdeploy rollback` takes the run over"
        )
    }

    /// The latest run of the playbook's service, unsettled.
    package func openRun(_ identity: String?, _ service: Service) async throws(CommandFailure) -> RecordedRun
    {
        let recorded = try await RunHistory(store: store, service: service.name).run(identity)
        guard !recorded.state.isSettled else {
            throw CommandFailure(
                .failed,
                "run \(recorded.record.id) has ended already: \(recorded.state.condition.rawValue)"
            )
        }
        return recorded
    }
}
