import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import StoreSQLite

struct RollbackCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Put the traffic back to the environment that was live before, now.",
        discussion: """
            Needs no argument. Takes over a run that is going on, and takes back one that has succeeded. With
            --emergency it needs nothing but the playbook and what was left beside the balancers: no journal.
            Refuses (77) when the run migrated the database and the version before is known not to bear it.
            """
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?
    @Flag(help: "By the steps of the playbook's gradual rollback.") var gradual = false
    @Flag(help: "Also to a version that is known not to bear the new schema; with --reason.")
    var force = false
    @Flag(help: "Without the journal, by what was left beside the balancers.") var emergency = false

    func validate() throws {
        guard !force || reason?.isEmpty == false else {
            throw ValidationError("--force goes into the journal: say why with --reason")
        }
    }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        guard workplace.confirm("Put the traffic of \(service.name) back?") else { return .failed }
        if emergency { return await Emergency(workplace: workplace, service: service).restore(reason) }
        let store = try await workplace.store()
        let recorded = try await RunHistory(store: store, service: service.name).run(run)
        if case .ended(.rollbackFailed) = recorded.state.stage {
            // Another try is exactly what is asked for.
        } else if case .ended = recorded.state.stage {
            workplace.printer.line(
                "nothing to take back: run \(recorded.record.id) ended as \(recorded.state.condition); "
                    + "\(recorded.state.plan.stable) is live"
            )
            return .done
        }
        if !force { try await checkSchema(recorded, RunHistory(store: store, service: service.name)) }
        let command = PostedCommand(
            command: .rollback(gradual: gradual),
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        let attended = try AttendedSession(workplace, store)
        let end = try await attended.session.takeOver(recorded, service, obeying: command, .byForce)
        return attended.conclude(takingBack: end)
    }
}

extension RollbackCommand {
    /// Refuses to go back to a version that is known not to bear the schema.
    private func checkSchema(_ run: RecordedRun, _ history: RunHistory) async throws(CommandFailure) {
        guard run.state.plan.phases.contains(where: { $0.name == .migrate }) else { return }
        // A rollback is not held up by an old run that cannot be read.
        let earlier = (try? await history.attempts(before: run)) ?? []
        guard let obstacle = run.state.schemaObstacle(after: earlier.map(\.state)) else { return }
        throw CommandFailure(
            .forbidden,
            "\(obstacle)\nTo put users back all the same: bgdeploy rollback --force --reason TEXT"
        )
    }
}
