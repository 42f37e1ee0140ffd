@testable import DeployOperations
import DeployCore
import DeployPorts
import Dispatch
import Foundation
import Synchronization

/// A service as the command line sees it: speaks the contract over real sockets, with runs written by hand.
final class ContractServer: Sendable {
    struct Failure: Error { let call: String, number: Int32 }

    struct Request: Sendable {
        let method: String
        /// Without the query.
        let path: String
        let query: [String: String]
        /// With names in small letters.
        let headers: [String: String]
        let body: String
    }

    struct Reply: Sendable {
        var status = 200
        var type = "application/json"
        var body: String
        var headers: [String: String] = [:]
        /// The connection is closed without an answer.
        var isCut = false

        static func problem(_ status: Int, _ detail: String, code: Int) -> Reply {
            let json = JSON.object([
                ("type", .text("about:blank")), ("title", .text("no")), ("status", .number(status)),
                ("detail", .text(detail)), ("code", .number(code)),
            ])
            return Reply(status: status, type: "application/problem+json", body: JSON.text(json))
        }

        static let cut = Reply(body: "", isCut: true)
    }

    typealias Behaviour = @Sendable (Request) -> Reply?

    private struct State {
        var listener: Int32 = -1
        var port = 0
        var requests: [Request] = []
    }

    private let state = Mutex(State())
    private let behaviour: Behaviour
    let model: ContractModel

    /// `behaviour` answers before the contract does; `nil` leaves the request to the contract.
    init(_ model: ContractModel = ContractModel(), _ behaviour: @escaping Behaviour = { _ in nil }) throws {
        self.model = model
        self.behaviour = behaviour
        try start()
    }

    var url: String { "http://127.0.0.1:\(state.withLock(\.port))" }
    var requests: [Request] { state.withLock(\.requests) }

    func requests(_ method: String, _ path: String) -> [Request] {
        requests.filter { $0.method == method && $0.path == path }
    }

    /// Listens; again on the same port after ``stop()``.
    func start() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw Failure(call: "socket", number: errno) }
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = in_port_t(state.withLock(\.port)).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    ? getsockname(listener, pointer, &length) : -1
            }
        }
        guard code == 0 else { throw Failure(call: "bind", number: errno) }
        let port = Int(UInt16(bigEndian: address.sin_port))
        state.withLock { ($0.listener, $0.port) = (listener, port) }
        DispatchQueue(label: "contract server").async { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                DispatchQueue(label: "contract connection").async { [self] in
                    serve(client)
                    close(client)
                }
            }
            close(listener)
        }
    }

    /// Nothing listens on the port any more.
    func stop() {
        let listener = state.withLock { state in
            defer { state.listener = -1 }
            return state.listener
        }
        if listener >= 0 { shutdown(listener, Int32(SHUT_RDWR)) }
    }

    private func serve(_ client: Int32) {
        guard let request = Self.read(client) else { return }
        state.withLock { $0.requests.append(request) }
        let reply = behaviour(request) ?? model.reply(to: request)
        guard !reply.isCut else { return }
        var head = "HTTP/1.1 \(reply.status) Status\r\nContent-Type: \(reply.type)\r\n"
        for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(reply.body.utf8.count)\r\nConnection: close\r\n\r\n"
        var bytes = Array((head + reply.body).utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    private static func read(_ client: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            let text = String(decoding: bytes, as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n") else { continue }
            let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { continue }
                headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
            }
            let body = String(text[end.upperBound...])
            guard body.utf8.count >= headers["content-length"].flatMap({ Int($0) }) ?? 0 else { continue }
            return request(lines.first ?? "", headers, body)
        }
    }

    private static func request(_ line: String, _ headers: [String: String], _ body: String) -> Request? {
        let words = line.split(separator: " ").map(String.init)
        guard words.count == 3, let components = URLComponents(string: words[1]) else { return nil }
        let pairs = (components.queryItems ?? []).map { ($0.name, $0.value ?? "") }
        return Request(
            method: words[0],
            path: components.path,
            query: Dictionary(pairs) { first, _ in first },
            headers: headers,
            body: body
        )
    }
}
