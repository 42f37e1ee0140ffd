import DeployCore
import DeployEngine
import DeployPorts

extension RunSession {
    /// The code that this process ends with.
    ///
    /// A run that another process took over is followed to its end, so that who began it still learns what
    /// became of it.
    func follow(_ end: RunEnd, _ service: Service) async throws(CommandFailure) -> ExitStatus {
        guard case .lost(let state) = end else { return workplace.conclude(end, signals) }
        Printer.errors.line("bgdeploy: another process has taken this run over; following it")
        return try await settled(from: state, service)
    }

    /// Waits until the run has settled, whoever drives it, and tells how.
    func settled(from state: RunState, _ service: Service) async throws(CommandFailure) -> ExitStatus {
        var last = state
        while signals.first == nil {
            let latest = try await RunHistory(store: store, service: service.name).run(nil)
            last = latest.state
            if last.isSettled { break }
            do { try await workplace.clock.sleep(for: .milliseconds(200)) } catch { break }
        }
        guard last.isSettled else { return .held }
        if let (_, text) = Telling.ending(nil, last) { Printer.errors.line("bgdeploy: \(text)") }
        return ExitStatus(of: last)
    }
}
