import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import DemoApp

/// Asks the routes of a fresh environment without a socket.
struct DemoClient {
    let state = DemoState(identity: Identity(environment: "green", version: "v2.5.0"))

    struct Answer {
        let status: Int
        let body: String
    }

    func ask(
        _ method: HTTPRequest.Method,
        _ path: String,
        body: String = "",
        accept: String? = nil
    ) async throws -> Answer {
        var fields = HTTPFields()
        fields[.accept] = accept
        let request = Request(
            head: HTTPRequest(
                method: method,
                scheme: "http",
                authority: "demo",
                path: path,
                headerFields: fields
            ),
            body: RequestBody(buffer: ByteBuffer(string: body))
        )
        let context = DemoContext(
            source: ApplicationRequestContextSource(
                channel: NIOAsyncTestingChannel(),
                logger: Logger(label: "demo")
            )
        )
        let response = try await DemoRoutes(state: state).router().buildResponder()
            .respond(to: request, context: context)
        let sink = Sink()
        try await response.body.write(sink)
        return Answer(status: response.status.code, body: sink.text)
    }
}

private final class Sink: ResponseBodyWriter, Sendable {
    private let buffer = Mutex(ByteBuffer())

    var text: String { buffer.withLock { String(buffer: $0) } }

    func write(_ part: ByteBuffer) async throws {
        buffer.withLock { _ = $0.writeImmutableBuffer(part) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
