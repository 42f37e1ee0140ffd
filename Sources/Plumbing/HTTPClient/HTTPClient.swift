internal import Dispatch

/// Sends requests by libcurl, each over a connection of its own, so that no answer is owed to an old one.
///
/// A transfer blocks a thread of its own, never one that Swift's tasks share; it ends at its deadline, and
/// within milliseconds when the task is cancelled. libcurl is loaded for the first one; where it is missing,
/// each ends in `.badRequest`, which says what to install.
package struct HTTPClient: Sendable {
    private var heedsCancellation = true

    package init() {}

    /// The same, but cancelling the task does not end what it does: for clean-up, which has deadlines alone.
    package var forCleanUp: HTTPClient {
        var other = self
        other.heedsCancellation = false
        return other
    }

    package func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        try await run { stop in Transfer.response(to: request, stop: stop) }.get()
    }

    /// Opens a TCP connection to `endpoint` and closes it; returns how long that took.
    package func connect(to endpoint: HTTPEndpoint, deadline: Duration) async throws(HTTPError) -> Duration {
        try await run { stop in Transfer.connectTime(to: endpoint, deadline: deadline, stop: stop) }.get()
    }

    /// Runs `work` on a thread of its own, with connections that live as long as it does.
    package func withConnections<Success: Sendable>(
        _ work: @escaping @Sendable (ConnectionSet) throws(HTTPError) -> Success
    ) async throws(HTTPError) -> Success {
        try await run { stop in
            Result { () throws(HTTPError) in
                let connections = try ConnectionSet(stop: stop)
                defer { stop.detach() }
                return try work(connections)
            }
        }.get()
    }

    private func run<Success: Sendable>(
        _ work: @escaping @Sendable (StopSwitch) -> Result<Success, HTTPError>
    ) async -> Result<Success, HTTPError> {
        let stop = StopSwitch()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // A serial queue gets a thread at once; a concurrent one waits for others that block.
                DispatchQueue(label: "bgdeploy.http").async { continuation.resume(returning: work(stop)) }
            }
        } onCancel: {
            if heedsCancellation { stop.close() }
        }
    }
}
