import DeployCore
package import DeployPorts

extension RunHistory {
    /// Refuses to take `run` back to a version that is known not to bear the schema: `.forbidden`.
    package func checkSchema(before run: RecordedRun) async throws(CommandFailure) {
        guard run.state.plan.phases.contains(where: { $0.name == .migrate }) else { return }
        // A rollback is not held up by an old run that cannot be read.
        let earlier = (try? await attempts(before: run)) ?? []
        guard let obstacle = run.state.schemaObstacle(after: earlier.map(\.state)) else { return }
        throw CommandFailure(
            .forbidden,
            "\(obstacle)\nTo put users back all the same: bgdeploy rollback --force --reason TEXT"
        )
    }
}

extension RunHistory {
    /// The last run that succeeded, and stayed so; `nil` without one among the last 20.
    package func lastRelease() async throws(RunStoreError) -> RecordedRun? {
        for record in try await store.runs(of: service, limit: 20) {
            let run = try await recorded(record)
            if case .released = run.state.stage { return run }
        }
        return nil
    }
}
