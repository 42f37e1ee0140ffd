import DeployPorts

/// What a program writes, streamed through us into a new file.
struct OutputFile: Sendable {
    let path: String
    let end: ContinuousClock.Instant
    let progress: ProgressLine?

    init(_ path: String, until end: ContinuousClock.Instant, progress: ProgressLine? = nil) {
        self.path = path
        self.end = end
        self.progress = progress
    }

    /// Fails unless the program ends with exit 0 and has written something; the file is then as far as it came.
    func fill(from command: ChildCommand, _ name: String) async throws(StepFailure) -> PartFile.Written {
        try await Blocking.run { stop throws(StepFailure) in
            var file = try PartFile(path)
            var progress = progress
            let child = try Child.start(command)
            var problem: StepFailure?
            let ending = child.pump(until: end, stop) { bytes in
                do throws(StepFailure) {
                    try file.append(bytes)
                    progress?.advance(to: file.bytes)
                } catch {
                    problem = error
                }
                return problem == nil
            }
            guard let ending, problem == nil else {
                child.end()
                throw problem ?? StepFailure("\(name) was left")
            }
            if let objection = child.objection(to: ending, name) { throw objection }
            guard file.bytes > 0 else { throw StepFailure("\(name) ended with exit 0 and wrote nothing") }
            let written = try file.finish()
            progress?.finish(at: written.bytes)
            return written
        }
    }
}

/// Tells how far a file is, every second or twentieth.
struct ProgressLine: Sendable {
    /// Of the whole; an estimate, `nil` where there is none.
    let total: Int?
    let report: @Sendable (String) -> Void
    private let start = ContinuousClock.now
    private var told = ContinuousClock.now
    private var toldBytes = 0

    init(total: Int?, report: @escaping @Sendable (String) -> Void) {
        self.total = total
        self.report = report
    }

    mutating func advance(to bytes: Int) {
        let now = ContinuousClock.now
        let step = total.map { max(1, $0 / 20) } ?? .max
        guard now - told >= .seconds(1) || bytes - toldBytes >= step else { return }
        (told, toldBytes) = (now, bytes)
        let part = total.map { " of at most \(ByteCount($0)) (\(bytes * 100 / max(1, $0)) %)" } ?? ""
        report("\(ByteCount(bytes))\(part), \(ByteCount(bytes, per: now - start))/s")
    }

    func finish(at bytes: Int) {
        let took = ContinuousClock.now - start
        report("\(ByteCount(bytes)) in \(took.told), \(ByteCount(bytes, per: took))/s")
    }
}

/// A number of bytes as a person reads it: `12.4 MB`.
struct ByteCount: CustomStringConvertible {
    let description: String

    init(_ bytes: Int) {
        let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 999.5, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        description = unit == 0 ? "\(bytes) bytes" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    init(_ bytes: Int, per span: Duration) { self.init(Int(Double(bytes) / max(0.001, span.inSeconds))) }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// `850 ms`, `12.4 s`, `1h30m`.
    var told: String {
        let milliseconds = Int64(inSeconds * 1000)
        switch milliseconds {
        case ..<1000: return "\(milliseconds) ms"
        case ..<100_000: return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
        default: return "\(milliseconds / 60_000)m\(milliseconds % 60_000 / 1000)s"
        }
    }
}
