import DeployCore
import DeployPorts

/// `order`, which may say one thing only: that `drain` comes after `switch`.
extension PlaybookDecoder {
    static let movable: [PhaseName] = [
        .preflight, .prepare, .migrate, .warmUp, .validate, .drain, .shift, .monitor,
    ]

    /// Whether `drain` comes after `switch`.
    func order(_ value: Parameter?) -> Bool {
        guard let value else { return false }
        guard case .list(let items, _) = value else {
            diagnostics.report(
                value.position,
                "`order` must be a list of phases, found \(value.kindDescription)"
            )
            return false
        }
        var listed: [(phase: PhaseName, position: Position)] = []
        for item in items {
            guard let phase = movablePhase(item) else { continue }
            if listed.contains(where: { $0.phase == phase }) {
                diagnostics.report(item.position, "`\(phase)` stands twice in `order`")
            } else {
                listed.append((phase, item.position))
            }
        }
        var drainMoved = false
        for (index, item) in listed.enumerated() {
            for later in listed[(index + 1)...] where rank(later.phase) < rank(item.phase) {
                guard later.phase == .drain, item.phase == .shift else {
                    diagnostics.report(later.position, reason(later.phase, after: item.phase))
                    return false
                }
                drainMoved = true
            }
        }
        return drainMoved
    }

    private func movablePhase(_ item: Parameter) -> PhaseName? {
        let words = Self.movable.map(\.rawValue)
        guard case .scalar(let scalar) = item else {
            diagnostics.report(item.position, "`order` lists names of phases, found \(item.kindDescription)")
            return nil
        }
        if let phase = PhaseName(rawValue: scalar.text), Self.movable.contains(phase) { return phase }
        let hint = Spelling.nearest(to: scalar.text, among: words).map { "; did you mean `\($0)`?" }
        diagnostics.report(
            item.position,
            "`order` has no phase `\(scalar.text)`\(hint ?? "; it takes \(words.joined(separator: ", "))")"
        )
        return nil
    }

    private func rank(_ phase: PhaseName) -> Int { Self.movable.firstIndex(of: phase) ?? 0 }

    private func reason(_ phase: PhaseName, after other: PhaseName) -> String {
        let why =
            switch (phase, other) {
            case (.drain, .monitor): "monitor is the end of the way forward, and drain belongs to the switch"
            case (_, .shift), (_, .monitor), (_, .drain):
                "everything that can fail must be over before the traffic moves"
            case (.shift, _): "monitor watches what the switch has done"
            case (.preflight, _):
                "preflight finds out whether the run can be carried out before anything is changed"
            default: "each phase builds on the ones before it"
            }
        return
            "`\(phase)` cannot stand after `\(other)`: \(why); only `drain` may move, to directly after `switch`"
    }
}
