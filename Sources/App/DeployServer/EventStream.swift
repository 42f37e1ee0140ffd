import DeployCore
import DeployOperations
import DeployPorts
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// A run's journal as Server-Sent Events: `entry` with the sequence number as its id, `end` when the run has settled.
///
/// It ends without `end` within seconds when the token or the session of who follows is over.
struct EventStream: Sendable {
    let run: RecordedRun
    let after: Int
    let office: Office
    /// Whether who follows may still do so; asked every 2 s.
    let isAllowed: @Sendable () async -> Bool

    var response: Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no",
            ],
            body: ResponseBody { writer in
                try await write(to: &writer)
                try await writer.finish(nil)
            }
        )
    }

    private func write(to writer: inout any ResponseBodyWriter) async throws {
        var fold = JournalFold()
        var text = "retry: 1000\n\n"
        for entry in run.entries { append(entry, &fold, &text) }
        try await writer.write(ByteBuffer(string: text))
        guard fold.state?.isSettled == false else { return try await end(fold, &writer) }
        let new = office.feed.entries(of: run.record.id, after: fold.lastEvent)
        // What was written while the stream was being opened.
        var late = try await office.store.entries(of: run.record.id, after: fold.lastEvent)
        for try await entries in new.cancelOnGracefulShutdown() {
            if entries.isEmpty, await !isAllowed() {
                return try await writer.write(ByteBuffer(string: ": the token or the session is over\n\n"))
            }
            text = entries.isEmpty ? ": still here\n\n" : ""
            for entry in late + entries where entry.sequence > fold.lastEvent { append(entry, &fold, &text) }
            late = []
            try await writer.write(ByteBuffer(string: text))
            if fold.state?.isSettled == true { return try await end(fold, &writer) }
        }
    }

    private func end(_ fold: JournalFold, _ writer: inout any ResponseBodyWriter) async throws {
        let state = fold.state?.condition.rawValue ?? "unknown"
        try await writer.write(ByteBuffer(string: "event: end\ndata: {\"state\":\"\(state)\"}\n\n"))
    }

    private func append(_ entry: JournalEntry, _ fold: inout JournalFold, _ text: inout String) {
        guard let (before, state) = fold.step(entry), entry.sequence > after else { return }
        let data = EventJSON.line(of: entry, before: before, after: state)
        text += "id: \(entry.sequence)\nevent: entry\ndata: \(data)\n\n"
    }
}

extension HTTPField.Name {
    static let lastEventID = Self("Last-Event-ID") ?? .accept
    static let accelBuffering = Self("X-Accel-Buffering") ?? .cacheControl
}
