/// The counts that gates, limits and the search for missing data look at.
///
/// Rings of fixed length and running sums: a tick costs the same however long the run is.
struct Traffic: Hashable, Sendable {
    /// One tick, or the sum of several.
    struct Row: Hashable, Sendable {
        var errors = ArmPair()
        /// Very slow requests of the candidate, slow ones of the stable arm; empty while latency settles.
        var latency = ArmPair()
        var handshakes = ArmPair()
        var exceptions = ArmPair()

        init() {}

        init(_ tick: Tick, judgesLatency: Bool) {
            errors = tick.errors
            if judgesLatency { latency = tick.verySlow }
            handshakes = tick.handshakes
            exceptions = tick.exceptions
        }

        static func += (left: inout Self, right: Self) {
            left.errors += right.errors
            left.latency += right.latency
            left.handshakes += right.handshakes
            left.exceptions += right.exceptions
        }

        static func -= (left: inout Self, right: Self) {
            left.errors -= right.errors
            left.latency -= right.latency
            left.handshakes -= right.handshakes
            left.exceptions -= right.exceptions
        }
    }

    private var rows: Ring<Row>
    private var stableRows: Ring<Tally>
    /// The sum of the window.
    private(set) var window = Row()
    /// The sum of the step so far.
    private(set) var step = Row()
    /// The stable arm's errors in the last five minutes.
    private(set) var stableLately = Tally()
    /// The stable arm's errors in the whole run.
    private(set) var stableEver = Tally()

    init(_ configuration: Configuration) {
        rows = Ring(capacity: configuration.ticks(in: configuration.window))
        stableRows = Ring(capacity: configuration.ticks(in: Configuration.stableWindow))
    }

    /// Takes up again what ``checkpoint`` gave.
    init(_ configuration: Configuration, restoring checkpoint: Checkpoint) {
        self.init(configuration)
        for row in checkpoint.rows { slide(row) }
        for tally in checkpoint.stableRows { slide(tally) }
        step = checkpoint.step
        stableEver = checkpoint.stableEver
    }

    /// What the sums can be made of again.
    struct Checkpoint: Codable {
        let rows: [Row]
        let stableRows: [Tally]
        let step: Row
        let stableEver: Tally
    }

    var checkpoint: Checkpoint {
        Checkpoint(rows: rows.all, stableRows: stableRows.all, step: step, stableEver: stableEver)
    }

    mutating func beginStep() { step = Row() }

    mutating func add(_ row: Row) {
        slide(row)
        slide(row.errors.stable)
        step += row
        stableEver += row.errors.stable
    }

    /// Moves the window on.
    private mutating func slide(_ row: Row) {
        window += row
        if let old = rows.push(row) { window -= old }
    }

    /// Moves the stable arm's five minutes on.
    private mutating func slide(_ stable: Tally) {
        stableLately += stable
        if let old = stableRows.push(stable) { stableLately -= old }
    }

    /// How many ticks the window holds.
    var windowTicks: Int { rows.count }

    /// The sum of the last `ticks`, at most the window.
    func latest(ticks: Int) -> Row { rows.newest(ticks).reduce(into: Row()) { $0 += $1 } }

    /// The window, or the whole step when the window has few of the candidate's requests of this kind.
    func observed(_ kind: KeyPath<Row, ArmPair>, atLeast requests: Double) -> ArmPair {
        Double(window[keyPath: kind].candidate.requests) >= requests
            ? window[keyPath: kind] : step[keyPath: kind]
    }
}

extension Configuration {
    /// Whole ticks in so many seconds, at least one and never more than an hour of the shortest ones.
    func ticks(in seconds: Double) -> Int {
        let ticks = seconds / tick
        return ticks.isFinite ? Int(min(max(ticks, 1), 36_000)) : 1
    }
}

extension Tick {
    var errors: ArmPair { pair(\.requests, \.errors) }
    var slow: ArmPair { pair(\.timed, \.slow) }
    var handshakes: ArmPair { pair(\.handshakes, \.failedHandshakes) }
    var exceptions: ArmPair { pair(\.requests, \.exceptions) }

    /// Above 1.40 τ on the candidate, above τ on the stable arm.
    var verySlow: ArmPair {
        ArmPair(
            candidate: Tally(requests: candidate.timed, events: candidate.verySlow),
            stable: Tally(requests: stable.timed, events: stable.slow)
        )
    }

    private func pair(_ requests: KeyPath<Arm, Int>, _ events: KeyPath<Arm, Int>) -> ArmPair {
        ArmPair(
            candidate: Tally(requests: candidate[keyPath: requests], events: candidate[keyPath: events]),
            stable: Tally(requests: stable[keyPath: requests], events: stable[keyPath: events])
        )
    }
}
