import DeployCore
import TrafficJudgement

/// What adds up the lines of a log.
protocol LineTally: Sendable {
    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>)
}

/// Adds up nginx's lines per environment between two readings, in constant memory.
struct LogTally: LineTally {
    /// Environments by their servers' addresses as nginx logs them.
    private let owners: [String: EnvironmentName]
    /// Names of upstream groups, logged instead of an address when nginx takes all of a group's servers for
    /// dead; a group of both environments has no owner.
    private let groups: [String: EnvironmentName?]
    private let environments: [EnvironmentName]
    /// The environment of the latest line with a server: a group without an owner fails on its account.
    private var latestOwner: EnvironmentName?
    private var samples: [EnvironmentName: TrafficSample] = [:]
    private var lines = 0
    private var unparsed = 0
    private var strangers = 0
    private var firstUnparsed: String?
    private var firstStranger: String?

    /// What came between two readings.
    struct Harvest {
        /// Of every environment.
        var samples: [EnvironmentName: TrafficSample]
        /// Set when not one line of it could be used.
        var complaint: String?
        var lines: Int
        /// Lines that are cut off or in another format.
        var unparsed: Int
    }

    init(
        owners: [String: EnvironmentName],
        groups: [String: EnvironmentName?] = [:],
        environments: [EnvironmentName]
    ) {
        self.owners = owners
        self.groups = groups
        self.environments = environments
    }

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        lines += 1
        guard let line = AccessLogLine(bytes) else {
            unparsed += 1
            if firstUnparsed == nil { firstUnparsed = LogExcerpt.text(of: bytes) }
            return
        }
        // nginx answered by itself: a redirect, a file.
        if line.address.isEmpty || line.address == "-" { return }
        guard let owner = owner(of: line.address) else {
            strangers += 1
            if firstStranger == nil { firstStranger = line.address }
            return
        }
        samples[owner, default: TrafficSample()].add(line)
    }

    /// Whose line it is that nginx asked `address` first.
    ///
    /// A server whose connections fail is not asked again for `fail_timeout`, 10 s by default. When it was the
    /// last of its group, nginx logs the group's name: a dead candidate with all the traffic has almost no
    /// other lines.
    private mutating func owner(of address: String) -> EnvironmentName? {
        if let owner = owners[address] {
            latestOwner = owner
            return owner
        }
        guard let group = groups[address] else { return nil }
        return group ?? latestOwner
    }

    /// What came since the last call.
    mutating func drain() -> Harvest {
        var fresh = LogTally(owners: owners, groups: groups, environments: environments)
        fresh.latestOwner = latestOwner
        defer { self = fresh }
        var all = samples
        for environment in environments where all[environment] == nil { all[environment] = TrafficSample() }
        return Harvest(samples: all, complaint: complaint, lines: lines, unparsed: unparsed)
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
}

extension TrafficSample {
    fileprivate mutating func add(_ line: AccessLogLine) {
        // A WebSocket's line is written when it ends: its duration is the life of the connection. A client that
        // left waited at least so long: with impatient clients a frozen server has no other durations.
        if line.status != 101, let milliseconds = line.milliseconds {
            latencies.add(milliseconds: milliseconds)
        }
        if line.status == 499 {
            abandoned += 1
            // There was no answer yet: neither a success nor a failure.
            if line.upstreamStatus == nil { return }
        }
        requests += 1
        if (line.upstreamStatus ?? 599) >= 500 {
            errors += 1
            if line.hasMoreAttempts, line.status < 499 { retried += 1 }
        }
    }
}

/// What a message shows of a line.
enum LogExcerpt {
    static func text(of bytes: UnsafeBufferPointer<UInt8>) -> String {
        let end = bytes.lastIndex { $0 != UInt8(ascii: "\n") }.map { $0 + 1 } ?? 0
        let printable = bytes[..<min(end, 100)].map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: ".") }
        return String(decoding: printable, as: UTF8.self)
    }
}
