/// As a run's journal keeps it: place, candidate and stable arm, separated by `;`.
///
/// `12 0 4 0.1;153 7 153 9 4 0 0 0;1204 1 1204 60 0 0 0 0`: seconds, step, steps and share; then for each arm
/// requests, errors, timed, slow, very slow, handshakes, failed handshakes and exceptions. A second in some
/// sixty bytes; the text gives the same tick again.
extension Tick: LosslessStringConvertible {
    public var description: String {
        "\(start) \(step) \(steps) \(share);\(candidate.text);\(stable.text)"
    }

    /// `nil` for what no tick wrote.
    public init?(_ description: String) {
        let parts = description.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 3, let candidate = Arm(text: parts[1]), let stable = Arm(text: parts[2]) else {
            return nil
        }
        let place = parts[0].split(separator: " ")
        guard place.count == 4, let start = Double(place[0]), let step = Int(place[1]),
            let steps = Int(place[2]), let share = Double(place[3])
        else { return nil }
        let tick = try? Tick(
            start: start,
            step: step,
            of: steps,
            share: share,
            candidate: candidate,
            stable: stable
        )
        guard let tick else { return nil }
        self = tick
    }
}

extension Tick.Arm {
    fileprivate var text: String {
        let counts = [
            requests, errors, timed, slow, verySlow, handshakes, failedHandshakes, exceptions,
        ]
        return counts.map(String.init).joined(separator: " ")
    }

    fileprivate init?(text: Substring) {
        let counts = text.split(separator: " ").map { Int($0) }
        guard counts.count == 8 else { return nil }
        let known = counts.compactMap(\.self)
        guard known.count == 8 else { return nil }
        let arm = try? Tick.Arm(
            requests: known[0],
            errors: known[1],
            timed: known[2],
            slow: known[3],
            verySlow: known[4],
            handshakes: known[5],
            failedHandshakes: known[6],
            exceptions: known[7]
        )
        guard let arm else { return nil }
        self = arm
    }
}
