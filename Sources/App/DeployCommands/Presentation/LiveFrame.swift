import DeployCore
import DeployOperations

/// One picture of a run, as lines that fit the terminal.
struct LiveFrame {
    let model: LiveModel
    let now: Timestamp
    let size: LiveScreen.Size
    let style: Style

    /// More would not be taken in at a glance.
    static let rowLimit = 24

    /// What is left out, a little more each time, until a frame fits.
    struct Economy {
        var outputLines = LiveModel.outputLines
        var joinsPast = false
        var joinsFuture = false
        /// Rows of the current phase.
        var rows = Int.max
        var isDense = false

        static let steps = [
            Economy(),
            Economy(outputLines: 3),
            Economy(outputLines: 3, joinsPast: true),
            Economy(outputLines: 3, joinsPast: true, rows: 6),
            Economy(outputLines: 3, joinsPast: true, joinsFuture: true, rows: 4),
            Economy(outputLines: 1, joinsPast: true, joinsFuture: true, rows: 3, isDense: true),
            Economy(outputLines: 0, joinsPast: true, joinsFuture: true, rows: 1, isDense: true),
        ]
    }

    var lines: [String] {
        // The last row stays free for the cursor.
        let room = max(1, min(Self.rowLimit, size.rows - 1))
        var lines: [LiveLine] = []
        for economy in Economy.steps {
            lines = compose(economy)
            if lines.count <= room { break }
        }
        return lines.prefix(room).map { $0.rendered(width: size.columns, style) }
    }

    private func compose(_ economy: Economy) -> [LiveLine] {
        guard let state = model.state else { return [] }
        let gap = economy.isDense ? [] : [LiveLine()]
        let traffic = trafficLines(state)
        let remarks = model.remarks.suffix(economy.isDense ? 1 : LiveModel.remarkLimit)
        return [headline(state)] + gap + phaseLines(economy, state) + gap + traffic
            + remarks.map { LiveLine("  ! \($0)", .yellow) }
    }

    private func headline(_ state: RunState) -> LiveLine {
        let plan = state.plan
        let versions = (plan.previousVersion.map { "\($0) → " } ?? "") + "\(plan.version)"
        let time = model.startedAt.map { "  \(Self.time(now.since($0)))" } ?? ""
        return LiveLine(plan.service, .bold).adding(" \(versions)  ")
            .adding(plan.stable.rawValue, tint(of: plan.stable, plan)).adding(" → ")
            .adding(plan.candidate.rawValue, tint(of: plan.candidate, plan)).adding(time, .faint)
    }

    // MARK: phases

    private func phaseLines(_ economy: Economy, _ state: RunState) -> [LiveLine] {
        var lines: [LiveLine] = []
        var past: [LivePhase] = []
        var future: [LivePhase] = []
        for phase in model.phases {
            switch phase.mark {
            case .done where economy.joinsPast && phase.name != .rollback: past.append(phase)
            case .toCome where economy.joinsFuture: future.append(phase)
            default:
                lines.append(line(of: phase))
                lines += rowLines(of: phase, economy, state)
            }
        }
        return joined(past, .done) + lines + joined(future, .toCome)
    }

    private func joined(_ phases: [LivePhase], _ mark: Planned.Mark) -> [LiveLine] {
        guard !phases.isEmpty else { return [] }
        let names = phases.map(\.name.rawValue).joined(separator: ", ")
        return [
            LiveLine("  ").adding(glyph(mark), tint(mark)).adding(" \(names)", mark == .toCome ? .faint : nil)
        ]
    }

    private func line(of phase: LivePhase) -> LiveLine {
        let took = took(phase.since, phase.ended)
        let isQuiet = phase.mark == .toCome || phase.mark == .skipped
        let line = LiveLine("  ").adding(glyph(phase.mark), tint(phase.mark)).adding(" ")
            .adding(
                phase.name.rawValue.padded(to: 10),
                phase.mark == .current ? .bold : isQuiet ? .faint : nil
            )
            .adding(String(repeating: " ", count: max(0, 8 - took.count)) + took, .faint)
        return isQuiet || phase.mark == .current ? line.adding("  \(phase.outlook)", .faint) : line
    }

    private func rowLines(of phase: LivePhase, _ economy: Economy, _ state: RunState) -> [LiveLine] {
        switch phase.mark {
        case .current:
            let why = phase.name == .rollback ? reasonLines(state) : []
            return why + shown(phase.rows, economy.rows).flatMap { lines(of: $0, economy, state) }
        case .failed:
            let why = phase.name == .rollback ? reasonLines(state) : []
            return why + phase.rows.filter { $0.mark == .failed }.flatMap { lines(of: $0, economy, state) }
        case .done:
            if phase.name == .rollback { return reasonLines(state) }
            return phase.rows.filter { $0.mark == .failed }.map { line(of: $0) }
        case .toCome, .skipped: return []
        }
    }

    /// The rows around the one that is under way, with what is left out counted.
    private func shown(_ rows: [LiveRow], _ limit: Int) -> ArraySlice<LiveRow> {
        guard rows.count > limit else { return rows[...] }
        let current = rows.firstIndex { $0.mark == .current || $0.mark == .toCome } ?? rows.count - 1
        let start = min(max(0, current - limit / 2), rows.count - limit)
        return rows[start..<start + limit]
    }

    private func lines(of row: LiveRow, _ economy: Economy, _ state: RunState) -> [LiveLine] {
        var lines = [line(of: row)]
        let indent = String(repeating: " ", count: 8)
        let isTold = isReturning(state) && row.detail == state.reason
        if row.mark == .failed, let detail = row.detail, !isTold {
            lines += LiveLine.wrapped(detail, width: size.columns - 8, limit: 4).map {
                LiveLine(indent + $0, .red)
            }
        }
        guard let step = row.planned.step, let said = model.output[step] else { return lines }
        guard row.mark == .failed || row.mark == .current && speaker == step else { return lines }
        return lines + said.suffix(economy.outputLines).map { LiveLine("\(indent)│ \($0)", .faint) }
    }

    /// The step whose output is shown: the one of those under way that spoke last.
    private var speaker: StepID? {
        let current = model.phases.last { $0.mark == .current }?.rows.filter { $0.mark == .current } ?? []
        let steps = current.compactMap(\.planned.step)
        return steps.first { $0 == model.lastSpeaker } ?? steps.first { model.output[$0] != nil }
    }

    private func line(of row: LiveRow) -> LiveLine {
        let isQuiet = row.mark == .toCome || row.mark == .skipped
        let took = took(row.since, row.ended)
        let line = LiveLine("      ").adding(glyph(row.mark), tint(row.mark)).adding(" ")
            .adding(row.planned.title, isQuiet ? .faint : nil).adding(took.isEmpty ? "" : "  \(took)", .faint)
        guard row.mark != .failed, let detail = row.detail else { return line }
        return line.adding("  \(detail)", .faint)
    }

    private func isReturning(_ state: RunState) -> Bool {
        model.phases.last?.name == .rollback && state.reason != nil
    }

    private func reasonLines(_ state: RunState) -> [LiveLine] {
        guard let reason = state.reason else { return [] }
        return LiveLine.wrapped(reason, width: size.columns - 6, limit: 8).map {
            LiveLine("      \($0)", .red)
        }
    }

    // MARK: marks

    private static let spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

    private func glyph(_ mark: Planned.Mark) -> String {
        switch mark {
        case .toCome: return "·"
        case .current: return Self.spinner[Int(now.milliseconds / 200) % Self.spinner.count]
        case .done: return "✓"
        case .failed: return "✗"
        case .skipped: return "–"
        }
    }

    private func tint(_ mark: Planned.Mark) -> Style.Tint {
        switch mark {
        case .toCome, .skipped: .faint
        case .current: .yellow
        case .done: .green
        case .failed: .red
        }
    }

    private func took(_ since: Timestamp?, _ ended: Timestamp?) -> String {
        since.map { Self.time((ended ?? now).since($0)) } ?? ""
    }

    /// `0.4s`, `14s`, `3m12s`, `1h02m`.
    static func time(_ span: Span) -> String {
        if span < .seconds(10) { return "\(span.milliseconds / 1000).\(span.milliseconds % 1000 / 100)s" }
        let seconds = span.milliseconds / 1000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
        return "\(seconds / 3600)h\(two(seconds / 60 % 60))m"
    }
}
