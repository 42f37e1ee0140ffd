import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import HTTPClient

/// A running `bgdeploy serve`, asked over HTTP.
///
/// The token goes over TLS or stays on this host, is sent nowhere else (redirects are not followed), and is taken
/// out of everything that the service says.
struct RemoteServer: Sendable {
    let address: ServerAddress
    let clock: any Timekeeper
    private let token: String?
    private let client = HTTPClient()

    /// For what the service answers from its journal.
    private static let deadline = Duration.seconds(20)
    /// For what makes it ask balancers and databases first.
    private static let longDeadline = Duration.seconds(180)
    /// The most that an answer may have: a page of a journal stays far below.
    private static let bodyLimit = 8 << 20
    /// How often a change is asked for before it is given up; the service knows it by its key.
    private static let attempts = 5

    init(_ address: ServerAddress, token: String?, clock: any Timekeeper) {
        self.address = address
        self.token = token
        self.clock = clock
    }

    // MARK: asking

    func read<Value: Decodable>(
        _ type: Value.Type,
        _ path: RemotePath,
        isSlow: Bool = false
    ) async throws(RemoteFailure) -> Value {
        try decoded(type, try await text(path, "application/json", isSlow: isSlow))
    }

    /// `isSlow`: the service looks at the world before it answers.
    func text(
        _ path: RemotePath,
        _ kind: String,
        isSlow: Bool = false
    ) async throws(RemoteFailure) -> HTTPResponse {
        try await send(
            "GET",
            path,
            [HTTPHeader("Accept", kind)],
            nil,
            isSlow ? Self.longDeadline : Self.deadline
        )
    }

    /// Asks for a change, again with the same key where no answer came: the service does it once.
    func write<Value: Decodable>(
        _ method: String,
        _ path: RemotePath,
        _ body: JSON,
        key: String = UUID().uuidString,
        _ type: Value.Type
    ) async throws(RemoteFailure) -> Value {
        let headers = [
            HTTPHeader("Accept", "application/json"), HTTPHeader("Content-Type", "application/json"),
            HTTPHeader("Idempotency-Key", key),
        ]
        let bytes = Array(JSON.text(body).utf8)
        var attempt = 1
        while true {
            do throws(RemoteFailure) {
                return try decoded(type, try await send(method, path, headers, bytes, Self.longDeadline))
            } catch {
                // After a lost answer the first request may still be under way: that is no other run's hold.
                let isUnderWay = error.status == 409 && attempt > 1
                guard error.isPassing || isUnderWay, attempt < Self.attempts else { throw error }
                try await wait(error.pause ?? .milliseconds(Int64(250 << attempt)))
                attempt += 1
            }
        }
    }

    func wait(_ span: Span) async throws(RemoteFailure) {
        do {
            try await clock.sleep(for: span)
        } catch {
            throw RemoteFailure(.cancelled, at: address)
        }
    }

    // MARK: parts

    private func send(
        _ method: String,
        _ path: RemotePath,
        _ headers: [HTTPHeader],
        _ body: [UInt8]?,
        _ deadline: Duration
    ) async throws(RemoteFailure) -> HTTPResponse {
        var request = HTTPRequest(
            method: method,
            url: address.base + path.text,
            headers: headers,
            body: body,
            deadline: deadline,
            bodyLimit: Self.bodyLimit
        )
        request.connectDeadline = .seconds(10)
        request.unixSocket = address.socket
        if let token { request.headers.append(HTTPHeader("Authorization", "Bearer \(token)")) }
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await client.send(request)
        } catch {
            throw masked(RemoteFailure(error, at: address))
        }
        guard (200...299).contains(response.status) else {
            throw masked(RemoteFailure(response, at: address, hadToken: token != nil))
        }
        return response
    }

    private func decoded<Value: Decodable>(
        _ type: Value.Type,
        _ response: HTTPResponse
    ) throws(RemoteFailure) -> Value {
        guard let value = try? JSONDecoder().decode(type, from: Data(response.body)) else {
            throw foreign(response)
        }
        return value
    }

    /// What came is not what was asked for.
    func foreign(_ response: HTTPResponse) -> RemoteFailure {
        let kind = response.values(of: "Content-Type").first.map { String($0.prefix(80)) } ?? "no type"
        return masked(
            RemoteFailure(
                failure: CommandFailure(
                    .unavailable,
                    """
                    \(address.text) answered what this bgdeploy does not understand (\(kind), \
                    \(response.body.count) bytes)
                    Is that the address of a bgdeploy service, and is it the same version as this bgdeploy?
                    """
                ),
                isPassing: false,
                status: response.status
            )
        )
    }

    private func masked(_ failure: RemoteFailure) -> RemoteFailure {
        guard let token else { return failure }
        let message = failure.failure.message.replacing(token, with: "[token]")
        return RemoteFailure(
            failure: CommandFailure(failure.failure.status, message),
            isPassing: failure.isPassing,
            status: failure.status,
            pause: failure.pause,
            isOurs: failure.isOurs
        )
    }
}
