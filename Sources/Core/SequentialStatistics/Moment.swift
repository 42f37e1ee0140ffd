/// Where in the run a tick stands, and what is judged there.
struct Moment {
    let tick: Tick
    let isFirstOfStep: Bool
    /// Seconds in the step before the tick.
    let elapsed: Double
    /// Latency has settled.
    let judgesLatency: Bool
    /// This is the tick with which latency has settled.
    let beginsLatency: Bool
    let judgesSilence: Bool

    init(_ tick: Tick, _ isFirstOfStep: Bool, stepStart: Double, _ configuration: Configuration) {
        self.tick = tick
        self.isFirstOfStep = isFirstOfStep
        elapsed = tick.start - stepStart
        judgesLatency = elapsed >= configuration.latencySettles
        beginsLatency = judgesLatency && elapsed - configuration.tick < configuration.latencySettles
        judgesSilence =
            configuration.routesEachRequest && elapsed >= configuration.silenceSettles && tick.share < 1
    }

    /// Whether `metric` is tested here.
    func judges(_ metric: Metric) -> Bool {
        switch metric {
        case .relativeErrors, .absoluteErrors, .webSockets, .exceptions: true
        case .baselineErrors: tick.isLastStep
        case .relativeLatency: judgesLatency
        case .baselineLatency: judgesLatency && tick.isLastStep
        case .silence: judgesSilence
        }
    }

    /// Whether the tick is the first of a block of `length` seconds, the run's first block left out.
    ///
    /// Counted in whole seconds since the run began, so that it is known before any data.
    func beginsBlock(of length: Double, tick: Double) -> Bool {
        let start = self.tick.start
        return start > 0 && start.rounded(.towardZero).truncatingRemainder(dividingBy: length) < tick
    }
}
