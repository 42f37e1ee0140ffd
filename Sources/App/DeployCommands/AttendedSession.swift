import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// A session that a person or a job waits for: its runs are shown, and signals stop them.
struct AttendedSession {
    let workplace: Workplace
    let session: RunSession
    let signals: Signals

    init(
        _ workplace: Workplace,
        _ store: any StateStore,
        observer: (any RunObserver)? = nil,
        leavesAtGates: Bool = false,
        runsFollowUps: Bool = false
    ) throws(CommandFailure) {
        self.workplace = workplace
        signals = workplace.signals()
        session = RunSession(
            desk: try workplace.desk(),
            store: store,
            observer: observer ?? workplace.observer(),
            stops: signals.stops,
            leavesAtGates: leavesAtGates,
            runsFollowUps: runsFollowUps
        )
    }

    /// The code that this process ends with.
    ///
    /// A run that another process took over is followed to its end, so that who began it still learns what
    /// became of it.
    func follow(
        _ end: RunEnd,
        _ service: Service,
        named: RunID? = nil
    ) async throws(CommandFailure) -> ExitStatus {
        guard case .lost(let state) = end else { return workplace.conclude(end, signals, named: named) }
        Printer.errors.line("bgdeploy: another process has taken this run over; following it")
        return try await settled(from: state, service)
    }

    /// Waits until the run has settled, whoever drives it, and tells how.
    func settled(from state: RunState, _ service: Service) async throws(CommandFailure) -> ExitStatus {
        var last = state
        while signals.first == nil {
            let latest = try await RunHistory(store: session.store, service: service.name).run(nil)
            last = latest.state
            if last.isSettled { break }
            do { try await workplace.clock.sleep(for: .milliseconds(200)) } catch { break }
        }
        guard last.isSettled else { return .held }
        if let (_, text) = Telling.ending(nil, last) { Printer.errors.line("bgdeploy: \(text)") }
        return ExitStatus(of: last)
    }

    /// Who asked for the way back got what they asked for when the stable environment has all traffic.
    func conclude(takingBack end: RunEnd) -> ExitStatus {
        let status = workplace.conclude(end, signals)
        guard case .settled(let state) = end else { return status }
        switch state.stage {
        case .ended(.failed), .ended(.rolledBack): return .done
        case .ended(.rollbackFailed), .idle, .forward, .returning, .released: return status
        }
    }
}
