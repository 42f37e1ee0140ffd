import TrafficJudgement

/// Adds up HAProxy's lines per server between two readings, in constant memory.
struct HAProxyLogTally: LineTally {
    /// What a server's lines told.
    struct Server {
        var latencies = LatencyHistogram()
        /// Requests that it answered well only when they were tried again.
        var retried = 0
    }

    /// What came between two readings.
    struct Harvest {
        /// By `backend/server`.
        var servers: [String: Server] = [:]
        var lines = 0
        /// Lines that are cut off or in another format.
        var unparsed = 0
        /// One of them.
        var example: String?
    }

    private var harvest = Harvest()
    private let backends: [String]

    /// Lines of other backends are left out.
    init(backends: [String]) { self.backends = backends.map { $0 + "/" } }

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        harvest.lines += 1
        guard let line = HAProxyLogLine(bytes) else {
            harvest.unparsed += 1
            if harvest.example == nil { harvest.example = LogExcerpt.text(of: bytes) }
            return
        }
        guard backends.contains(where: { line.server.hasPrefix($0) }), !line.server.hasSuffix("<NOSRV>")
        else {
            return
        }
        harvest.servers[line.server, default: Server()].add(line)
    }

    /// What came since the last call.
    mutating func drain() -> Harvest {
        defer { harvest = Harvest() }
        return harvest
    }
}

extension HAProxyLogTally.Server {
    fileprivate mutating func add(_ line: HAProxyLogLine) {
        // The waiting for another server that failed is not this one's.
        guard !line.isRedispatched else { return }
        if line.retries > 0, let status = line.status, status < 500 { retried += 1 }
        // A WebSocket's handshake is no request that others can be compared with.
        if line.status != 101, let milliseconds = line.milliseconds {
            latencies.add(milliseconds: milliseconds)
        }
    }
}
