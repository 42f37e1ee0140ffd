/// Monitor: everything is on the candidate; watch whether it stays well.
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
        case .succeeded: break
        }
    }

    mutating func endMonitor() {
        guard case .forward(let index, .monitoring) = state.stage else { return }
        dropWaiting { $0.isWatch }
        enter(phase: index + 1)
    }
}
