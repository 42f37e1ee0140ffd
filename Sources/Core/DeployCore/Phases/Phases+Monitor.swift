/// Monitor: everything is on the candidate but for a holdback; watch whether it stays well, then give it the rest.
extension Draft {
    mutating func beginMonitor(_ phase: MonitorPhase) {
        guard phase.length > .zero else { return endMonitor() }
        watch(.monitor, until: now.advanced(by: phase.length))
    }

    mutating func settleMonitor(_ answer: Answer) {
        switch answer {
        case .judged(.passed): endMonitor()
        case .judged(let verdict): heed(verdict)
        case .failed(let reason, _): turnBack(reason)
        case .succeeded: leaveMonitor()
        }
    }

    mutating func endMonitor() {
        dropWaiting { $0.isWatch }
        guard state.confirmed != .full else { return leaveMonitor() }
        issue(.route(candidate: .full))
    }

    private mutating func leaveMonitor() {
        guard case .forward(let index, .monitoring) = state.stage else { return }
        enter(phase: index + 1)
    }
}
