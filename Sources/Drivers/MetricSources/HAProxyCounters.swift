/// What HAProxy's runtime socket answered to `show info;show stat BACKEND 4 -1`, with more backends or one.
struct HAProxyCounters: Hashable, Sendable {
    /// One server's counters since the process began.
    struct Server: Hashable, Sendable {
        /// Requests that the server was given, whether or not it answered them.
        var requests: Int
        var errors: Int
    }

    /// What the answer lacked.
    struct Unreadable: Error, Hashable, Sendable {
        let message: String
    }

    /// The process's id: another one began its counters anew.
    let pid: Int
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
    /// In TCP mode `stot` counts every attempt, so retries are taken off.
    fileprivate init?(_ row: [String: String]) {
        func count(_ column: String) -> Int { row[column].flatMap { Int($0) } ?? 0 }
        let failed = count("econ") + count("eresp") + count("wredis")
        if row["mode"] == "tcp" {
            guard row["stot"].flatMap({ Int($0) }) != nil else { return nil }
            self.init(requests: count("stot") - count("wretr"), errors: failed)
        } else {
            guard let answered = row["req_tot"].flatMap({ Int($0) }) else { return nil }
            self.init(requests: answered + failed, errors: count("hrsp_5xx") + failed)
        }
    }
}
