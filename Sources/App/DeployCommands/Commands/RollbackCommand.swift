import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

struct RollbackCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Put the traffic back to the environment that was live before, now.",
        discussion: """
            Needs no argument. Takes over a run that is going on, and takes back one that has succeeded. With
            --emergency it needs nothing but the playbook and what was left beside the balancers: no journal.
            Refuses (77) when the run migrated the database and the version before is known not to bear it, and
            when the environment is out of service.
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Option(help: "Why, for the journal.") var reason: String?
    @Flag(help: "By the steps of the playbook's gradual rollback.") var gradual = false
    @Flag(help: "Also to a version that is known not to bear the new schema; with --reason.")
    var force = false
    @Flag(help: "Without the journal, by what was left beside the balancers.") var emergency = false

    var reach: Reach { emergency ? .thisHost : .service }

    func validate() throws {
        guard !force || reason?.isEmpty == false else {
            throw ValidationError("--force goes into the journal: say why with --reason")
        }
    }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote { return try await body(workplace, remote) }
        if emergency { return try await restore(workplace) }
        let store = try await workplace.desk().store()
        let service = try await workplace.service(of: run, store)
        guard workplace.confirm("Put the traffic of \(service.name) back?") else { return .failed }
        let recorded = try await RunHistory(store: store, service: service.name).run(run)
        guard !hasEnded(recorded, workplace) else { return .done }
        if !force {
            try await RunHistory(store: store, service: service.name).checkSchema(before: recorded)
        }
        let command = PostedCommand(
            command: .rollback(gradual: gradual),
            by: workplace.actor,
            reason: reason,
            at: workplace.clock.now()
        )
        if let refusal = recorded.refusal(of: command) { throw CommandFailure(.forbidden, refusal) }
        let attended = try AttendedSession(workplace, store)
        let end = try await attended.session.takeOver(recorded, service, obeying: command, .byForce)
        return attended.conclude(takingBack: end)
    }

    private func restore(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        guard workplace.confirm("Put the traffic of \(service.name) back?") else { return .failed }
        return await Emergency(workplace: workplace, service: service).restore(reason)
    }

    /// Whether there is nothing to take back, which is told.
    private func hasEnded(_ recorded: RecordedRun, _ workplace: Workplace) -> Bool {
        guard let live = recorded.nothingToTakeBack else { return false }
        workplace.printer.line(
            "nothing to take back: run \(recorded.record.id) ended as \(recorded.state.condition); "
                + "\(live) is live"
        )
        return true
    }

    private func body(
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        let service = try await workplace.serviceName()
        guard workplace.confirm("Put the traffic of \(service) back?") else { return .failed }
        let recorded = try await RunHistory(store: remote.store, service: service).run(run)
        guard !hasEnded(recorded, workplace) else { return .done }
        let order = RemoteDesk.WayBack(gradual: gradual, force: force, reason: reason)
        let observer = workplace.observer()
        return try await workplace.attending(remote, FollowedRun(recorded.record.id)) {
            () async throws(CommandFailure) in
            try await remote.rollBack(recorded, order, observer)
        }
    }
}
