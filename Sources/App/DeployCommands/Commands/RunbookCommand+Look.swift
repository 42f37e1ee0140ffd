import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation
import Playbooks

extension RunbookCommand.Use {
    /// Looks, and tells what was found; the state store is not needed for it.
    func look(_ service: Service, _ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let view = RunbookView(service, workplace, commandLine: commandLine)
        let order = RunbookOrder(reason: reason, identity: .new(at: workplace.clock.now()))
        let place = try await place(for: service, workplace)
        defer { place.remove() }
        let signals = workplace.signals()
        let session = RunSession(
            desk: place.desk,
            store: place.store,
            observer: view,
            stops: signals.stops
        )
        view.begin()
        var kept = order
        kept.incident = place.incident
        let end = try await session.begin(kept, of: service)
        view.end(order.identity, unkept: place.reason)
        guard case .settled(let state) = end else {
            return workplace.conclude(end, signals, named: order.identity)
        }
        return ExitStatus(of: state)
    }

    /// The journal where the look is kept, or one that is thrown away.
    private struct Place {
        let desk: Desk
        let store: any StateStore
        /// What the journal that cannot be written has open, where it can be read.
        var incident: Incident?
        /// Why it is not kept; `nil` when it is.
        var reason: String?
        var folder: String?

        func remove() {
            if let folder { try? FileManager.default.removeItem(atPath: folder) }
        }
    }

    /// Who is in trouble looks, whatever the journal does: it may be a part of the trouble, and an action that is
    /// under way holds the runbook.
    private func place(for service: Service, _ workplace: Workplace) async throws(CommandFailure) -> Place {
        let desk = try workplace.desk()
        let store: any StateStore
        do throws(CommandFailure) {
            store = try await desk.store()
            guard let obstacle = try await obstacle(store, service, desk) else {
                return Place(desk: desk, store: store)
            }
            let incident = try? await RunHistory(store: store, service: service.name).incident()
            return try await passing(workplace, because: obstacle, incident ?? nil)
        } catch {
            guard error.status == .unavailable else { throw error }
            let first = error.message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            return try await passing(workplace, because: "the state store cannot be reached: \(first)", nil)
        }
    }

    private func passing(
        _ workplace: Workplace,
        because reason: String,
        _ incident: Incident?
    ) async throws(CommandFailure) -> Place {
        let folder = NSTemporaryDirectory() + "bgdeploy-look-\(UUID().uuidString)"
        let location = try workplace.location("sqlite:\(folder)/state.db")
        let desk = Desk(
            actor: workplace.actor,
            environment: workplace.environment,
            state: location,
            clock: workplace.clock
        )
        return Place(
            desk: desk,
            store: try await desk.store(),
            incident: incident,
            reason: reason,
            folder: folder
        )
    }

    /// Why this journal takes no look now; `nil` when it does.
    ///
    /// A look that its process left is of no use any more: it is ended.
    private func obstacle(
        _ store: any StateStore,
        _ service: Service,
        _ desk: Desk
    ) async throws(CommandFailure) -> String? {
        let latest: RecordedRun?
        do throws(RunStoreError) {
            if let lease = try await store.lease(on: service.name), lease.isHeld(at: desk.clock.now()) {
                return "`\(lease.holder.purpose)` of \(lease.holder.actor) is under way"
            }
            latest = try await RunHistory(store: store, service: service.name).latest()
        } catch {
            throw CommandFailure(error)
        }
        guard let latest, !latest.state.isSettled, let part = latest.state.plan.runbook else { return nil }
        guard part.action == nil else {
            let how = latest.state.isAtRest ? "waits" : "was interrupted"
            return "run \(latest.record.id) (\(part.subject)) \(how): bgdeploy resume \(latest.record.id)"
        }
        let session = RunSession(
            desk: desk,
            store: store,
            observer: NoObserver(),
            stops: AsyncStream { _ in }
        )
        let abort = PostedCommand(
            command: .abort,
            by: desk.actor,
            reason: "another look was begun",
            at: desk.clock.now()
        )
        _ = try await session.takeOver(latest, service, obeying: abort, .onlyIfFree)
        return nil
    }
}

/// Shows nothing.
private struct NoObserver: RunObserver {
    func recorded(_ entry: JournalEntry, before: RunState?, after: RunState) {}
    func output(_ line: String, of step: StepID) {}
    func watched(_ figures: TrafficFigures) {}
    func draining(connections: Int) {}
}
