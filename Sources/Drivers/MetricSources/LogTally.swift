import DeployCore
import TrafficJudgement

/// Adds up log lines per environment between two readings, in constant memory.
struct LogTally {
    /// Environments by their servers' addresses as nginx logs them.
    private let owners: [String: EnvironmentName]
    private let environments: [EnvironmentName]
    private var samples: [EnvironmentName: TrafficSample] = [:]
    private var lines = 0
    private var unparsed = 0
    private var strangers = 0
    private var firstUnparsed: String?
    private var firstStranger: String?

    init(owners: [String: EnvironmentName], environments: [EnvironmentName]) {
        self.owners = owners
        self.environments = environments
    }

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        lines += 1
        guard let line = AccessLogLine(bytes) else {
            unparsed += 1
            if firstUnparsed == nil { firstUnparsed = Self.excerpt(of: bytes) }
            return
        }
        // nginx answered by itself: a redirect, a file.
        if line.address.isEmpty || line.address == "-" { return }
        guard let owner = owners[line.address] else {
            strangers += 1
            if firstStranger == nil { firstStranger = line.address }
            return
        }
        add(line, to: owner)
    }

    private mutating func add(_ line: AccessLogLine, to owner: EnvironmentName) {
        // The client left before there was an answer: not the server's fault.
        if line.status == 499, line.upstreamStatus == nil { return }
        var sample = samples[owner] ?? TrafficSample()
        sample.requests += 1
        if (line.upstreamStatus ?? 599) >= 500 { sample.errors += 1 }
        // A WebSocket's line is written when it ends: its duration is the life of the connection.
        if line.status != 101, line.status != 499, let milliseconds = line.milliseconds {
            sample.latencies.add(milliseconds: milliseconds)
        }
        samples[owner] = sample
    }

    /// What came since the last call, for every environment.
    ///
    /// `complaint` is set when not one line of it could be used.
    mutating func drain() -> (samples: [EnvironmentName: TrafficSample], complaint: String?) {
        defer { self = LogTally(owners: owners, environments: environments) }
        var all = samples
        for environment in environments where all[environment] == nil { all[environment] = TrafficSample() }
        return (all, complaint)
    }

    private var complaint: String? {
        guard lines > 0, unparsed + strangers == lines else { return nil }
        if unparsed > 0 {
            let example = firstUnparsed.map { ", such as `\($0)`" } ?? ""
            return "\(unparsed) of \(lines) lines are not in the log format `bg`\(example)"
        }
        let known = owners.keys.sorted().joined(separator: ", ")
        return "\(lines) requests went to other servers, such as \(firstStranger ?? ""); known are \(known)"
    }

    private static func excerpt(of bytes: UnsafeBufferPointer<UInt8>) -> String {
        let printable = bytes.prefix(100).map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: ".") }
        return String(decoding: printable, as: UTF8.self)
    }
}
