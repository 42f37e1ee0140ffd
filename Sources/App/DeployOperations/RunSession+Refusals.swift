import DeployCore
import DeployPorts

/// When a session lets a service alone.
extension RunSession {
    /// `.held` while somebody holds the service, or its latest run is not settled.
    func refuseIfHeld(_ service: Service) async throws(CommandFailure) {
        do throws(RunStoreError) {
            if let lease = try await store.lease(on: service.name), lease.isHeld(at: clock.now()) {
                throw .held(lease)
            }
        } catch {
            throw CommandFailure(error)
        }
        try await refuseIfUnsettled(service)
    }

    func refuseIfUnsettled(_ service: Service) async throws(CommandFailure) {
        let latest: RecordedRun?
        do throws(RunStoreError) {
            latest = try await RunHistory(store: store, service: service.name).latest()
        } catch {
            throw CommandFailure(error)
        }
        guard let latest, !latest.state.isSettled else { return }
        guard latest.state.plan.runbook == nil else { throw .unsettled(latest) }
        throw CommandFailure(
            .held,
            """
            run \(latest.record.id) of \(service.name) (\(latest.record.version)) \
            \(latest.state.isAtRest ? "waits" : "was interrupted") and is not settled: \(latest.state.split)
            Go on with it: bgdeploy resume        Take it back: bgdeploy rollback
            """
        )
    }

    /// What a later run did is not this one's to take back: the environments have changed their parts since.
    func refuseIfNotLatest(_ run: RecordedRun) async throws(CommandFailure) {
        let latest: RunRecord?
        do throws(RunStoreError) {
            latest = try await store.runs(of: run.record.service, limit: 1).first
        } catch {
            throw CommandFailure(error)
        }
        guard let latest, latest.id != run.record.id else { return }
        throw CommandFailure(
            .forbidden,
            "run \(latest.id) (\(latest.version)) is newer than \(run.record.id): bgdeploy rollback \(latest.id)"
        )
    }
}
