package import HTTPClient

/// Why there is no reply.
package enum RedisError: Error, Hashable, Sendable {
    /// There is no connection, or it ended; whether the command was carried out is known for the cases of
    /// ``HTTPError`` that say so.
    case connection(HTTPError)
    /// The answer is not Redis, or over a limit.
    case unreadable(String)
    /// `AUTH` or `SELECT` was answered by an error, and the command was not sent.
    case refused(String)
    /// The time was over; `isSent` tells whether the command was on its way.
    case timedOut(isSent: Bool)
    case cancelled
}

/// What a command was answered, and when.
package struct RedisAnswer: Hashable, Sendable {
    package let reply: RedisReply
    /// From the start of the name's look-up, through connecting and logging in.
    package let duration: Duration
}

/// Asks a Redis one thing over a connection of its own (RESP2).
package struct RedisClient: Sendable {
    private let http: HTTPClient

    package init(http: HTTPClient = HTTPClient()) { self.http = http }

    /// Sends `command` after the login that `address` asks for.
    ///
    /// Ends at `deadline`, and within milliseconds when the task is cancelled. An error of Redis is a reply too.
    package func send(
        _ command: [String],
        to address: RedisAddress,
        deadline: Duration
    ) async throws(RedisError) -> RedisAnswer {
        let result: Result<RedisAnswer, RedisError>
        do throws(HTTPError) {
            result = try await http.withConnections { connections throws(HTTPError) in
                Result { () throws(RedisError) in
                    let dialogue = try RedisDialogue(address, in: connections, deadline: deadline)
                    return try dialogue.answer(to: command, after: address.login)
                }
            }
        } catch {
            throw .connection(error)
        }
        return try result.get()
    }
}

extension RedisAddress {
    fileprivate var login: [[String]] {
        var commands: [[String]] = []
        if let password { commands.append(["AUTH"] + [user, password].compactMap(\.self)) }
        if database > 0 { commands.append(["SELECT", String(database)]) }
        return commands
    }
}

/// Questions and answers over one connection.
///
/// Lives on its connection's thread.
private final class RedisDialogue {
    private let connections: ConnectionSet
    private let connection: Connection
    private let start = ContinuousClock.now
    private let end: ContinuousClock.Instant
    private var isSent = false

    init(
        _ address: RedisAddress,
        in connections: ConnectionSet,
        deadline: Duration
    ) throws(RedisError) {
        self.connections = connections
        end = start + deadline
        do throws(HTTPError) {
            connection = try connections.open(address.target, deadline: deadline)
        } catch {
            throw .connection(error)
        }
        while connection.state == .opening { try wait() }
        if case .failed(let error) = connection.state { throw .connection(error) }
    }

    func answer(to command: [String], after login: [[String]]) throws(RedisError) -> RedisAnswer {
        for step in login {
            if case .error(let text) = try ask(step) { throw .refused(text) }
        }
        isSent = true
        return RedisAnswer(reply: try ask(command), duration: ContinuousClock.now - start)
    }

    private func ask(_ command: [String]) throws(RedisError) -> RedisReply {
        var output = Self.encoded(command)[...]
        var reader = RedisReplyReader()
        while true {
            output = output.dropFirst(try connected { () throws(HTTPError) in try connection.write(output) })
            connection.wantsToWrite = !output.isEmpty
            switch try connected({ () throws(HTTPError) in try connection.read() }) {
            case .bytes(let bytes): if let reply = try take(bytes, by: &reader) { return reply }
            case .ended: throw .connection(.cutOff(reason: "Redis closed the connection"))
            case .nothing: break
            }
            try wait()
        }
    }

    private func take(
        _ bytes: [UInt8],
        by reader: inout RedisReplyReader
    ) throws(RedisError) -> RedisReply? {
        do throws(RedisReplyReader.Unreadable) {
            return try reader.take(bytes)
        } catch {
            throw .unreadable(error.reason)
        }
    }

    private func wait() throws(RedisError) {
        guard !connections.isStopped else { throw .cancelled }
        let left = end - ContinuousClock.now
        // While it is opening libcurl has the time, and tells how far it came.
        guard left > .zero || connection.state == .opening else { throw .timedOut(isSent: isSent) }
        connections.wait(atMost: max(.milliseconds(1), min(left, .seconds(1))))
    }

    private func connected<Value>(_ work: () throws(HTTPError) -> Value) throws(RedisError) -> Value {
        do throws(HTTPError) { return try work() } catch { throw .connection(error) }
    }

    /// A list of bulk strings, as every command is sent.
    private static func encoded(_ command: [String]) -> [UInt8] {
        let parts = command.map { "$\($0.utf8.count)\r\n\($0)\r\n" }
        return Array("*\(command.count)\r\n\(parts.joined())".utf8)
    }
}
