import DeployCore
import DeployPorts

/// The timeline for people.
extension RunReport {
    /// Of what people wrote down, what they saw: the rest has its own place in the report.
    static func lines(of entry: JournalEntry, before: RunState?, after: RunState) -> [ToldLine] {
        guard let (remarks, actor) = entry.event.remarks else {
            return Telling.lines(of: entry, before: before, after: after)
        }
        return remarks.filter { $0.kind == .note }.map { remark in
            ToldLine(at: entry.event.at, phase: before?.phase, mark: .tells, text: remark.told(by: actor))
        }
    }

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
            var text = Self.withoutPointer(line.text)
            if let end = again.last {
                let times = again.count == 1 ? "once more" : "\(again.count) times more"
                text += " (\(times), last at \(Clock.time(end)))"
            }
            return ToldLine(at: line.at, phase: line.phase, mark: line.mark, text: text)
        }
    }

    /// Who reads the report need not be told where it is.
    private static func withoutPointer(_ text: String) -> String {
        let pointer = "The whole story: `bgdeploy report`"
        return text.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
            guard line.hasPrefix(pointer) else { return line }
            let rest = line.dropFirst(pointer.count).drop { ". ".contains($0) }
            return rest.isEmpty ? nil : rest
        }.joined(separator: "\n")
    }
}
