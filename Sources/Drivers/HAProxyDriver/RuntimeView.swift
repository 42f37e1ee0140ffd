import Glibc

/// The process that answered at the socket.
struct HAProxyProcess: Hashable, Sendable {
    let id: Int
    /// Seconds since the Unix epoch; a container's process may have the same number again.
    let start: Int

    /// `2026-11-21T07:36:34Z`.
    var startText: String {
        var seconds = time_t(start)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// What one process said over one connection: all of it is of the same moment.
struct RuntimeView: Sendable {
    let process: HAProxyProcess
    /// An old process that only ends what it has begun: it may still take our connections during a reload.
    let isStopping: Bool
    /// By backend; a backend that the process does not have is missing.
    let servers: [String: [RuntimeServer]]
    /// What the asked map has under our key; empty when it has nothing, `nil` when the process has no such map.
    let shares: [String]?

    /// Reads the answer to `show info`, perhaps `show map`, and `show servers state` for some backends, in this
    /// order on one line; `nil` when it is something else.
    static func parse(_ answer: Substring, key: String = "") -> RuntimeView? {
        let lines = answer.split(separator: "\n", omittingEmptySubsequences: false)
        let info = lines.prefix { !$0.isEmpty }
        func number(_ name: String) -> Int? {
            info.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count).drop { $0 == " " }) }
        }
        guard let id = number("Pid:") else { return nil }
        var servers: [String: [RuntimeServer]] = [:]
        var columns: RuntimeServer.Columns?
        var shares: [String]? = []
        for line in lines.dropFirst(info.count) {
            if line.hasPrefix("# be_id") {
                columns = RuntimeServer.Columns(line)
            } else if line.hasPrefix("0x") {
                let words = line.split(separator: " ", maxSplits: 2)
                if words.count == 3, words[1] == key { shares?.append(String(words[2])) }
            } else if line.hasPrefix("Unknown map") {
                shares = nil
            } else if let (backend, server) = columns?.server(line) {
                servers[backend, default: []].append(server)
            }
        }
        let start = number("Start_time_sec:") ?? number("Uptime_sec:").map { time(nil) - $0 } ?? 0
        return RuntimeView(
            process: HAProxyProcess(id: id, start: start),
            isStopping: number("Stopping:") ?? 0 != 0,
            servers: servers,
            shares: shares
        )
    }
}
