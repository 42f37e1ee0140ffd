import DeployPorts
import UnixSocket

/// A running HAProxy, spoken to through its stats socket.
///
/// Its answers carry no exit code: a command that sets something succeeded if the answer is blank. Each call is
/// one connection, so that one process answers all of it.
struct HAProxyRuntime: Sendable {
    let socket: String
    /// Whose servers are looked at.
    let backends: [String]
    /// The map that is looked at besides, and the key in it; `nil` in mode `weights`.
    var map: (path: String, key: String)?

    /// What the process that takes the connection has now.
    func look() async throws(LoadBalancerError) -> RuntimeView { try await tell([]) }

    /// Gives `commands`, which all answer nothing, in their order, and looks in the same connection.
    func tell(_ commands: [String]) async throws(LoadBalancerError) -> RuntimeView {
        var rest = commands[...]
        // One line of commands has to fit into HAProxy's buffer of 16 KiB.
        while rest.count > Self.batch {
            try await order(Array(rest.prefix(Self.batch)))
            rest = rest.dropFirst(Self.batch)
        }
        let (said, answer) = try await converse(Array(rest), orders: Array(rest))
        guard said.allSatisfy(\.isWhitespace) else { throw failure(Array(rest), String(said)) }
        return try await view(answer)
    }

    /// What the process has, from a socket through which weights and maps may be set; any other is refused.
    func lookAsAdmin() async throws(LoadBalancerError) -> RuntimeView {
        let (said, answer) = try await converse(["show cli level"], orders: [])
        try check(level: said)
        return try await view(answer)
    }

    /// Gives `commands` and looks; returns what they answered, and what was seen.
    ///
    /// An answer that makes no sense is blamed on `orders`, those of them that change something.
    private func converse(
        _ commands: [String],
        orders: [String]
    ) async throws(LoadBalancerError) -> (said: Substring, seen: Substring) {
        var looking = ["show info"]
        if let map { looking.append("show map \(map.path)") }
        looking += backends.map { "show servers state \($0)" }
        let answer = try await ask((commands + looking).joined(separator: ";"))
        guard let start = answer.firstRange(of: "Name: ") else { throw failure(orders, answer) }
        return (answer[..<start.lowerBound], answer[start.lowerBound...])
    }

    private func view(_ answer: Substring) async throws(LoadBalancerError) -> RuntimeView {
        guard let view = RuntimeView.parse(answer, key: map?.key ?? "") else {
            throw .unreachable(odd(String(answer)))
        }
        if let missing = backends.first(where: { view.servers[$0] == nil }) {
            throw .misconfigured(
                "the running HAProxy has no backend `\(missing)`; it has \(try await known().joined(separator: ", ")). If the file has it, HAProxy has not been reloaded since"
            )
        }
        return view
    }

    /// Gives commands that answer nothing.
    func order(_ commands: [String]) async throws(LoadBalancerError) {
        let answer = try await ask(commands.joined(separator: ";"))
        guard answer.allSatisfy(\.isWhitespace) else { throw failure(commands, answer) }
    }

    /// Refuses a socket through which weights and maps may not be set.
    func checkLevel() async throws(LoadBalancerError) {
        try check(level: Substring(try await ask("show cli level")))
    }

    private func check(level answer: Substring) throws(LoadBalancerError) {
        let level = answer.split(whereSeparator: \.isWhitespace).first ?? ""
        guard level != "admin" else { return }
        throw .forbidden(tooLow(String(level)))
    }

    /// Current sessions by backend and server.
    func sessions() async throws(LoadBalancerError) -> [String: [String: Int]] {
        let answer = try await ask(backends.map { "show stat \($0) 4 -1" }.joined(separator: ";"))
        var sessions: [String: [String: Int]] = [:]
        var columns: (backend: Int, name: Int, count: Int)?
        for line in answer.split(separator: "\n") {
            let isHeader = line.hasPrefix("# ")
            let fields = line.dropFirst(isHeader ? 2 : 0).split(
                separator: ",",
                omittingEmptySubsequences: false
            )
            if isHeader, let backend = fields.firstIndex(of: "pxname"),
                let name = fields.firstIndex(of: "svname"), let count = fields.firstIndex(of: "scur")
            {
                columns = (backend, name, count)
            } else if let columns, fields.count > max(columns.backend, columns.name, columns.count),
                let number = Int(fields[columns.count])
            {
                sessions[String(fields[columns.backend]), default: [:]][String(fields[columns.name])] = number
            }
        }
        guard columns != nil else { throw .unreachable(odd(answer)) }
        return sessions
    }

    func ask(_ command: String) async throws(LoadBalancerError) -> String {
        do throws(SocketProblem) {
            return try await UnixSocket.exchange(command + "\n", at: socket, within: 2000)
        } catch {
            switch error {
            case .forbidden:
                throw .forbidden(
                    "\(error.message): run bgdeploy as root or as a user of the socket's group (`stats socket \(socket) mode 660 group … level admin`)"
                )
            case .missing:
                throw .unreachable(
                    "\(error.message): HAProxy is not running, or its `global` section lacks `stats socket \(socket) mode 600 level admin`"
                )
            case .refused: throw .unreachable("\(error.message): HAProxy is not running")
            case .timedOut, .tooLong, .failed: throw .unreachable(error.message)
            }
        }
    }

    // MARK: parts

    private static let batch = 40

    private func known() async throws(LoadBalancerError) -> [String] {
        let answer = try await ask("show backend")
        return answer.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") && $0 != "MASTER" }
    }

    private func failure(_ commands: [String], _ answer: String) -> LoadBalancerError {
        if answer.lowercased().contains("permission denied") { return .forbidden(tooLow("lower")) }
        if commands.isEmpty { return .unreachable(odd(answer)) }
        if answer.contains("static LB algorithm") {
            return .misconfigured(
                "`balance` in \(backends.joined(separator: ", ")) is of a kind that takes no other weights while HAProxy runs: use roundrobin, add `hash-type consistent`, or use `mode: map`"
            )
        }
        return .rejected(complaint: "\(commands.joined(separator: "; "))\n\(answer)")
    }

    private func tooLow(_ level: String) -> String {
        "\(socket) has the level \(level), which may not set weights: it needs `stats socket \(socket) level admin`; nothing was changed"
    }

    func odd(_ answer: String) -> String { "HAProxy answered at \(socket): \(answer.prefix(300))" }
}
