import DeployPorts
import UnixSocket

/// A running HAProxy, spoken to through its stats socket.
///
/// Its answers carry no exit code: a command that sets something succeeded if the answer is blank.
struct HAProxyRuntime: Sendable {
    let socket: String
    let backend: String

    /// Every server of the backend.
    func servers() async throws(LoadBalancerError) -> [RuntimeServer] {
        let answer = try await ask("show servers state \(backend)")
        if let servers = RuntimeServer.parse(answer) { return servers }
        guard answer.contains("Can't find backend") else { throw .unreachable(odd(answer)) }
        throw .misconfigured(
            "the running HAProxy has no backend `\(backend)`; it has \(try await backends().joined(separator: ", ")). If the file has it, HAProxy has not been reloaded since"
        )
    }

    /// Refuses a socket through which weights may not be set.
    func checkLevel() async throws(LoadBalancerError) {
        let level = try await ask("show cli level").split(whereSeparator: \.isWhitespace).first ?? ""
        guard level != "admin" else { return }
        throw .forbidden(tooLow(String(level)))
    }

    /// Sets weights in the given order, which matters: while every weight is 0, requests fail.
    func set(_ weights: [(server: String, weight: Int)]) async throws(LoadBalancerError) {
        var rest = weights[...]
        while !rest.isEmpty {
            // One line of commands has to fit into HAProxy's buffer of 16 KiB.
            let batch = rest.prefix(40)
            rest = rest.dropFirst(40)
            let line = batch.map { "set server \(backend)/\($0.server) weight \($0.weight)" }
            let answer = try await ask(line.joined(separator: ";"))
            if answer.lowercased().contains("permission denied") { throw .forbidden(tooLow("lower")) }
            guard answer.allSatisfy(\.isWhitespace) else {
                throw .rejected(complaint: "\(line.joined(separator: "; "))\n\(answer)")
            }
        }
    }

    /// Current sessions of each server.
    func sessions() async throws(LoadBalancerError) -> [String: Int] {
        let answer = try await ask("show stat \(backend) 4 -1")
        let lines = answer.split(separator: "\n")
        guard let header = lines.first, header.hasPrefix("# ") else { throw .unreachable(odd(answer)) }
        let names = header.dropFirst(2).split(separator: ",", omittingEmptySubsequences: false)
        guard let name = names.firstIndex(of: "svname"), let count = names.firstIndex(of: "scur") else {
            throw .unreachable(odd(answer))
        }
        var sessions: [String: Int] = [:]
        for line in lines.dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count > max(name, count), let number = Int(fields[count]) else { continue }
            sessions[String(fields[name])] = number
        }
        return sessions
    }

    /// The process that answers: another one after a reload.
    func process() async throws(LoadBalancerError) -> Int {
        let answer = try await ask("show info")
        for line in answer.split(separator: "\n") where line.hasPrefix("Pid:") {
            if let number = Int(line.dropFirst(4).drop { $0 == " " }) { return number }
        }
        throw .unreachable(odd(answer))
    }

    // MARK: parts

    private func backends() async throws(LoadBalancerError) -> [String] {
        let answer = try await ask("show backend")
        return answer.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") && $0 != "MASTER" }
    }

    private func ask(_ command: String) async throws(LoadBalancerError) -> String {
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

    private func tooLow(_ level: String) -> String {
        "\(socket) has the level \(level), which may not set weights: it needs `stats socket \(socket) level admin`; nothing was changed"
    }

    private func odd(_ answer: String) -> String { "HAProxy answered at \(socket): \(answer.prefix(300))" }
}
