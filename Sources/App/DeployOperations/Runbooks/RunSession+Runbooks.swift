package import DeployCore
package import DeployEngine
package import DeployPorts
import Playbooks

/// What somebody wants of a runbook.
package struct RunbookOrder: Sendable {
    /// `nil` to look.
    package let action: String?
    package var reason: String?
    /// What the run is called.
    package let identity: RunID
    /// The incident that another journal has open; `nil` to go by this one's.
    package var incident: Incident?

    package init(action: String? = nil, reason: String? = nil, identity: RunID, incident: Incident? = nil) {
        self.action = action
        self.reason = reason
        self.identity = identity
        self.incident = incident
    }
}

extension RunSession {
    /// Looks, or carries an action out, under the runbook's own lease.
    package func begin(_ order: RunbookOrder, of runbook: Service) async throws(CommandFailure) -> RunEnd {
        let word = order.action ?? RunbookPart.look
        guard let name = Version(rawValue: word) else {
            throw CommandFailure(.usage, "`\(word)` is no name of an action")
        }
        try await refuseIfHeld(runbook)
        let lease = try await acquire(runbook.name, purpose: "runbook \(word)", 0, .onlyIfFree)
        do throws(CommandFailure) {
            try await refuseIfUnsettled(runbook)
            let frozen = Self.frozen(
                runbook,
                version: name,
                previous: nil,
                stable: RunbookPart.environments.stable,
                strategy: nil,
                at: clock.now()
            )
            let surroundings = try await surroundings(runbook, frozen, run: order.identity)
            let orchestrator = Orchestrator(surroundings, run: order.identity, lease: lease, epoch: 0)
            var begun = frozen.plan
            begun.reason = order.reason
            begun.runbook?.path = "\(runbook.playbook.folder)/\(runbook.playbook.fileName)"
            begun.runbook?.incident = try await openIncident(of: runbook) ?? order.incident
            let plan = begun
            return await notices.accompanying(order.identity, runbook.playbook, frozen, observer) {
                await orchestrator.start(plan, playbook: runbook.playbook.text, stops: stops)
            }
        } catch {
            try? await store.release(lease)
            throw error
        }
    }

    private func openIncident(of runbook: Service) async throws(CommandFailure) -> Incident? {
        do throws(RunStoreError) {
            return try await RunHistory(store: store, service: runbook.name).incident()
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    /// A runbook's run is in the way.
    static func unsettled(_ run: RecordedRun) -> CommandFailure {
        let subject = run.state.plan.runbook?.subject ?? run.record.service
        let how = run.state.isAtRest ? "waits" : "was interrupted"
        return CommandFailure(
            .held,
            """
            run \(run.record.id) (\(subject)) \(how) and has not ended
            Go on with it: bgdeploy resume \(run.record.id)        Stop it: bgdeploy abort \(run.record.id)
            """
        )
    }
}

extension Playbook {
    /// The last part of ``path``.
    fileprivate var fileName: Substring { path.split(separator: "/").last ?? "" }
}

extension Service {
    /// The runbook that `record`'s run was begun with, as its journal kept it.
    package init(
        runbookOf record: RunRecord,
        _ store: any RunStore,
        clock: any Timekeeper
    ) async throws(CommandFailure) {
        let text: String
        let path: String?
        do throws(RunStoreError) {
            text = try await store.playbook(of: record.id)
            path = try await RunHistory(store: store, service: record.service).recorded(record).state.plan
                .runbook?.path
        } catch {
            throw CommandFailure(error)
        }
        try self.init(text: Array(text.utf8), path: path ?? "runbook.yml", clock: clock)
    }
}

extension RunRecord {
    /// Whether it is a runbook's run.
    package var isOfRunbook: Bool { RunbookPart.service(ofLedger: service) != service }
}
