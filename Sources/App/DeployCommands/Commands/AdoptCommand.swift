import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

struct AdoptCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Take the service back after an emergency rollback, or onto a new state store.",
        discussion: """
            Looks at every balancer, journals what it finds and who brought it about, ends a run that was under way,
            and makes this bgdeploy the one that the balancers obey. The traffic stays where it is: all balancers
            must agree on the environment that is live.
            """
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "Why, for the journal.") var reason: String?

    var reach: Reach { .thisHostInstead }

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let emergencies = await Self.emergencies(at: service.fleet.balancers)
        for text in emergencies { workplace.printer.line(text) }
        let split = try await service.observedSplit()
        guard let live = split.live else {
            throw CommandFailure(
                .failed,
                """
                the traffic is divided: \(split); a service is adopted with everything on one environment
                Go on with its run by `bgdeploy resume`, or decide with `bgdeploy traffic set \(service.environmentNames[0])=100`
                """
            )
        }
        guard workplace.confirm("Adopt \(service.name) with \(live) live?") else { return .failed }
        let store = try await workplace.desk().store()
        let history = RunHistory(store: store, service: service.name)
        try await end(try await Self.latest(history), service, store, workplace)
        let told = ([reason] + emergencies).compactMap(\.self).joined(separator: "; ")
        return try await workplace.desk().holding(service, store, "adopt") {
            lease,
            token throws(CommandFailure) in
            let change = HandSetSplit(
                desk: try workplace.desk(),
                service: service,
                lease: lease,
                token: token
            )
            try await change.set(split, history, told.isEmpty ? "adopted" : "adopted: \(told)")
            workplace.printer.line("\(split)")
            return .done
        }
    }

    /// A run that was under way when somebody put the traffic back is over: that was its rollback.
    private func end(
        _ run: RecordedRun?,
        _ service: Service,
        _ store: any StateStore,
        _ workplace: Workplace
    ) async throws(CommandFailure) {
        guard let run, !run.state.isSettled else { return }
        let attended = try AttendedSession(workplace, store)
        let command = PostedCommand(
            command: .rollback(gradual: false),
            by: workplace.actor,
            reason: reason ?? "adopted after the traffic was put back",
            at: workplace.clock.now()
        )
        let end = try await attended.session.takeOver(run, service, obeying: command, .byForce)
        guard case .settled = end else {
            throw CommandFailure(
                workplace.conclude(end, attended.signals),
                "run \(run.record.id) did not end"
            )
        }
    }

    private static func latest(_ history: RunHistory) async throws(CommandFailure) -> RecordedRun? {
        do throws(RunStoreError) {
            return try await history.latest()
        } catch {
            throw CommandFailure(error)
        }
    }

    /// What the marks tell of rollbacks that no journal knows.
    private static func emergencies(at balancers: [any LoadBalancer]) async -> [String] {
        var told: [String] = []
        for balancer in balancers {
            guard let emergency = try? await balancer.mark().emergency else { continue }
            told.append(
                "\(balancer.name): put back by \(emergency.by) at \(Clock.iso(emergency.at)): \(emergency.reason)"
            )
        }
        return told
    }
}
