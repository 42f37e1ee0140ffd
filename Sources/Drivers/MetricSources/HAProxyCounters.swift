/// What HAProxy's runtime socket answered to `show info;show stat BACKEND 4 -1`, with more backends or one.
struct HAProxyCounters: Hashable, Sendable {
    /// One server's counters since the process began.
    struct Server: Hashable, Sendable {
        /// Requests that the server was given, whether or not it answered them.
        var requests: Int
        /// Failures that HAProxy counts as such: 5xx, no connection, no answer, given to another server.
        var errors: Int
        /// Attempts that were repeated at this server and are in no other counter.
        var repeated: Int
        /// Requests that were given to another server after they had failed here.
        var redispatched: Int
        /// Connections that the client ended.
        var abandoned: Int
    }

    /// What the answer lacked.
    struct Unreadable: Error, Hashable, Sendable {
        let message: String
    }

    /// The process's id: another one began its counters anew.
    let pid: Int
    /// Log lines that HAProxy could not send since the process began.
    let droppedLogs: Int
    /// By `backend/server`.
    let servers: [String: Server]

    init(answer: String) throws(Unreadable) {
        let lines = answer.split(whereSeparator: \.isNewline)
        guard let pidLine = lines.first(where: { $0.hasPrefix("Pid: ") }), let pid = Int(pidLine.dropFirst(5))
        else {
            throw Unreadable(message: "the answer does not tell the process id: `\(answer.prefix(80))`")
        }
        guard let start = lines.firstIndex(where: { $0.hasPrefix("# pxname,") }) else {
            throw Unreadable(message: Self.complaint(in: lines))
        }
        let columns = Self.columns(of: lines[start].dropFirst(2))
        var servers: [String: Server] = [:]
        for line in lines[(start + 1)...] where !line.hasPrefix("# ") {
            let row = Dictionary(zip(columns, Self.columns(of: line))) { first, _ in first }
            guard row["type"] == "2", let backend = row["pxname"], let name = row["svname"],
                let server = Server(row)
            else { continue }
            servers["\(backend)/\(name)"] = server
        }
        self.pid = pid
        let dropped = lines.first { $0.hasPrefix("DroppedLogs: ") }
        droppedLogs = dropped.flatMap { Int($0.dropFirst(13)) } ?? 0
        self.servers = servers
    }

    private static func complaint(in lines: [Substring]) -> String {
        let known = ["No such proxy", "Permission denied", "Unknown command"]
        let line = lines.first { line in known.contains { line.hasPrefix($0) } }
        return line.map(String.init) ?? "the answer holds no statistics"
    }

    /// The fields of one line of CSV; a field may stand in quotes, a doubled quote in it is one.
    static func columns(of line: Substring) -> [String] {
        guard line.contains("\"") else {
            return line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        var fields: [String] = []
        var field = ""
        var isQuoted = false
        for character in line {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                fields.append(field)
                field = ""
            } else {
                field.append(character)
            }
        }
        return fields + [field]
    }
}

extension HAProxyCounters.Server {
    /// HAProxy 2.6 counts in `req_tot` of a server only the requests that it answered; those that ended in
    /// HAProxy's own 502 or 503 are in `econ` and `eresp`, and those it gave to another server instead are in
    /// `wredis`.
    ///
    /// `stot` counts every attempt. In HTTP mode what it has over the requests that ended and `scur`, those
    /// that have not, was tried again here; `wretr` bounds it, and would count a request that is repeated for
    /// its answer (`retry-on`) twice. In TCP mode retries are taken off `stot`.
    fileprivate init?(_ row: [String: String]) {
        func count(_ column: String) -> Int { row[column].flatMap { Int($0) } ?? 0 }
        let failed = count("econ") + count("eresp") + count("wredis")
        let requests: Int
        let repeated: Int
        if row["mode"] == "tcp" {
            guard let attempts = row["stot"].flatMap({ Int($0) }) else { return nil }
            requests = attempts - count("wretr")
            repeated = count("wretr")
        } else {
            guard let answered = row["req_tot"].flatMap({ Int($0) }) else { return nil }
            requests = answered + failed
            repeated = min(count("wretr"), max(0, count("stot") - count("scur") - requests))
        }
        self.init(
            requests: requests,
            errors: row["mode"] == "tcp" ? failed : count("hrsp_5xx") + failed,
            repeated: repeated,
            redispatched: count("wredis"),
            abandoned: count("cli_abrt")
        )
    }
}
