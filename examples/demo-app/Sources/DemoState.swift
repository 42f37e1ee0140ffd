/// Which environment this process is.
struct Identity: Sendable {
    let environment: String
    let version: String
}

/// Everything that outlives a request, in memory only: a restart is a fresh environment.
final class DemoState: Sendable {
    let identity: Identity
    let clock: ContinuousClock
    let started: ContinuousClock.Instant
    let faults = FaultSwitch()
    let sessions = SessionStore()
    let sockets = SocketGate()
    let traffic: TrafficRecord

    init(identity: Identity, clock: ContinuousClock = ContinuousClock()) {
        self.identity = identity
        self.clock = clock
        started = clock.now
        traffic = TrafficRecord(clock: clock)
    }

    var uptimeSeconds: Int { Int(started.duration(to: clock.now).components.seconds) }
}
