import DeployCore

/// The timeline for people.
extension RunReport {
    /// What began is not told again when its end is, and what was told several times is told once.
    package var storyline: [ToldLine] {
        let last = timeline.count - 1
        let told = timeline.enumerated().filter { $0.element.mark != .begins || $0.offset == last }.map(
            \.element
        )
        var places: [String: Int] = [:]
        var lines: [(line: ToldLine, again: [Timestamp])] = []
        for line in told {
            // The same matter with other numbers.
            let matter = line.mark == .warns ? line.text.filter { !$0.isNumber } : ""
            if !matter.isEmpty, let place = places[matter] {
                lines[place].again.append(line.at)
                continue
            }
            if !matter.isEmpty { places[matter] = lines.count }
            lines.append((line, []))
        }
        return lines.map { line, again in
            guard let end = again.last else { return line }
            let times = again.count == 1 ? "once more" : "\(again.count) times more"
            let text = "\(line.text) (\(times), last at \(Clock.time(end)))"
            return ToldLine(at: line.at, phase: line.phase, mark: line.mark, text: text)
        }
    }
}
