package import DeployCore
import DeployOperations
package import DeployPorts
import Foundation
import HTTPTypes
package import Hummingbird
import NIOCore
import Synchronization

/// Carries out a request that a client sends again, because it heard no answer, once.
///
/// The client names it by the header `Idempotency-Key`. Only answers that something was done are kept, for a day:
/// what was refused may be asked for again. Never used for an answer that holds a secret.
package struct Idempotency: Sendable {
    static let kind = Record.Kind(rawValue: "idempotency")
    private static let lifetime = Span.minutes(24 * 60)
    /// A process that has not answered by then is taken for dead, and the next to ask carries the request out.
    private static let patience = Span.minutes(2)

    private struct Entry: Codable {
        let request: String
        let since: Timestamp
        /// What a run is called that the request begins, whichever process begins it.
        var run: RunID?
        var answer: Answer?

        struct Answer: Codable {
            let status: Int
            let contentType: String?
            let location: String?
            let body: String
        }
    }

    private let records: any RecordStore
    private let clock: any Timekeeper

    package init(_ records: any RecordStore, clock: any Timekeeper) {
        self.records = records
        self.clock = clock
    }

    /// Carries out `work` unless the same request of `principal` was answered before; then that is the answer again.
    ///
    /// Fails with 422 when the key was used for another request, with 409 while the first is being carried out.
    /// A request without a key is carried out.
    package func once(
        _ request: Request,
        by principal: Principal,
        _ work: () async throws -> Response
    ) async throws -> Response {
        try await once(request, by: principal, begun: { _ in nil }, work: { _ in try await work() })
    }

    /// The same, of a request that begins a run: `work` gives it the identity that it is handed.
    ///
    /// `begun` is the answer where that run is there already: a process may have died before it answered.
    package func once(
        _ request: Request,
        by principal: Principal,
        begun: (RunID) async throws -> Response?,
        work: (RunID) async throws -> Response
    ) async throws -> Response {
        guard let key = request.headers[.idempotencyKey] else { return try await work(.new(at: clock.now())) }
        guard (1...200).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(
                .badRequest,
                "`Idempotency-Key` takes 1 to 200 characters of ASCII, without spaces",
                code: 64
            )
        }
        let name = Secret.digest(of: "\(principal.name)\n\(key)")
        let digest = try await Self.digest(of: request)
        let beginning: Beginning
        do throws(RunStoreError) {
            beginning = try await begin(name, digest)
        } catch {
            throw Problem(CommandFailure(error))
        }
        switch beginning {
        case .ours(let record, let run):
            return try await carryOut(as: record, run, digest) {
                if let answer = try await begun(run) { answer } else { try await work(run) }
            }
        case .answered(let answer): return Self.response(answer)
        case .other:
            throw Problem(
                .unprocessableContent,
                "this `Idempotency-Key` was used for another request",
                code: 64
            )
        case .underWay(let run):
            if let run, let answer = try await begun(run) { return answer }
            throw Problem(.conflict, "the first request of this `Idempotency-Key` is being carried out")
        }
    }

    private enum Beginning {
        case ours(Record, RunID)
        case answered(Entry.Answer)
        case other
        case underWay(RunID?)
    }

    private func begin(_ name: String, _ digest: String) async throws(RunStoreError) -> Beginning {
        while true {
            let now = clock.now()
            let end = now.advanced(by: Self.lifetime)
            var run = RunID.new(at: now)
            let text = try Self.text(of: Entry(request: digest, since: now, run: run))
            if let record = try await records.insert(text, as: Self.kind, key: name, due: end) {
                return .ours(record, run)
            }
            guard let record = try await records.record(Self.kind, name) else { continue }
            let entry = Self.entry(record)
            if let entry, now.since(entry.since) < Self.lifetime {
                guard entry.request == digest else { return .other }
                if let answer = entry.answer { return .answered(answer) }
                guard now.since(entry.since) >= Self.patience else { return .underWay(entry.run) }
                run = entry.run ?? run
            }
            let next = try Self.text(of: Entry(request: digest, since: now, run: run))
            if let ours = try await records.replace(record, with: next, due: end) { return .ours(ours, run) }
        }
    }

    private func carryOut(
        as record: Record,
        _ run: RunID,
        _ digest: String,
        _ work: () async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await work()
        } catch {
            _ = try? await records.remove(record)
            throw error
        }
        guard response.status.kind == .successful else {
            _ = try? await records.remove(record)
            return response
        }
        let body = try await Collector.bytes(of: response.body)
        response.body = ResponseBody(byteBuffer: body)
        let entry = Entry(
            request: digest,
            since: clock.now(),
            run: run,
            answer: Entry.Answer(
                status: response.status.code,
                contentType: response.headers[.contentType],
                location: response.headers[.location],
                body: String(buffer: body)
            )
        )
        let end = entry.since.advanced(by: Self.lifetime)
        // It is done, and its answer is true, also when that cannot be kept.
        if let text = try? Self.text(of: entry) {
            _ = try? await records.replace(record, with: text, due: end)
        }
        return response
    }

    private static func digest(of request: Request) async throws -> String {
        let body = try await request.body.collect(upTo: WriteRules.bodyLimit)
        return Secret.digest(of: "\(request.method.rawValue) \(request.uri.string)\n\(String(buffer: body))")
    }

    private static func response(_ answer: Entry.Answer) -> Response {
        var headers: HTTPFields = [:]
        headers[.contentType] = answer.contentType
        headers[.location] = answer.location
        return Response(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body))
        )
    }

    private static func entry(_ record: Record) -> Entry? {
        try? JSONDecoder().decode(Entry.self, from: Data(record.value.utf8))
    }

    private static func text(of entry: Entry) throws(RunStoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(entry), as: UTF8.self)
        } catch {
            throw .unreadable("an answer cannot be written as JSON")
        }
    }
}

/// Takes what a response would send.
private final class Collector: ResponseBodyWriter, Sendable {
    private let buffer = Mutex(ByteBuffer())

    static func bytes(of body: ResponseBody) async throws -> ByteBuffer {
        let collector = Collector()
        try await body.write(collector)
        return collector.buffer.withLock { $0 }
    }

    func write(_ buffer: ByteBuffer) {
        self.buffer.withLock { _ = $0.writeImmutableBuffer(buffer) }
    }

    func finish(_ trailingHeaders: HTTPFields?) {}
}
