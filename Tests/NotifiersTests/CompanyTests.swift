import DeployCore
import DeployPorts
import DeployTestKit
import Dispatch
import Glibc
import HTTPClient
import Synchronization
import Testing
import ServiceLab

@testable import Notifiers

@Suite struct CompanyTests {
    private static func book(
        _ server: RawServer,
        on topics: [NoticeTopic] = NoticeTopic.named
    ) throws -> NoticeBook {
        try NoticeBook.one(
            "webhook",
            [("webhook", server.url), ("secret", "${secret.KEY}")],
            on: topics,
            secrets: ["secret.KEY": "k3y"]
        )
    }

    @Test func `what a run tells is told beside it, and the rest at its end`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.book(server))
            let outbox = bench.outbox(by: TestClock())
            let (value, left) = await outbox.accompany(bench.run, telling: bench.channels) {
                try? await bench.goOn { state in
                    if case .approval = state.pending.first?.effect { true } else { false }
                }
                // Told while the run waits.
                let end = ContinuousClock.now + .seconds(60)
                while server.requests.count < 2, ContinuousClock.now < end {
                    await RawServer.pause(milliseconds: 5)
                }
                let early = server.requests.count
                try? await bench.goOn()
                return early
            }
            #expect(value == 2)
            #expect(left.isEmpty)
            #expect(server.requests.count == 4)
        }
    }

    @Test func `a channel that hangs delays the end by the last chance and no more, and is named`()
        async throws
    {
        try await RawServer.behaving({ $0.hold() }) { server in
            let bench = try await NoticeBench(Self.book(server, on: [.started]))
            let outbox = bench.outbox(by: TestClock())
            let (_, left) = await outbox.accompany(bench.run, telling: bench.channels) {
                try? await bench.goOn()
            }
            // Cut off after five seconds: the attempt itself would have taken ten, and been counted.
            #expect(left.map(\.name) == ["webhook"])
            #expect(left.first?.attempts == 0)
        }
    }

    @Test func `without a store the run goes on, and nothing is told`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.book(server))
            let outbox = Outbox(records: NoRecords(), runs: bench.runs, clock: TestClock()) {
                _ throws(BookUnavailable) in throw BookUnavailable("no")
            }
            let (value, left) = await outbox.accompany(bench.run, telling: bench.channels) { 7 }
            #expect(value == 7)
            #expect(left.isEmpty)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `whoever cannot have the secrets now tries again`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.book(server, on: [.started]))
            try await bench.enqueue()
            let outbox = Outbox(records: bench.records, runs: bench.runs, clock: bench.clock) {
                _ throws(BookUnavailable) in throw BookUnavailable("the secret `KEY` is not set")
            }
            #expect(try await outbox.deliver().failed == 1)
            #expect(try await bench.waiting().first?.problem == "the secret `KEY` is not set")
            #expect(try await bench.waiting().first?.attempts == 0)
            bench.clock.advance(by: .seconds(5))
            #expect(try await bench.outbox.deliver().delivered == 1)
        }
    }

    @Test func `a service tells what is due of all runs until it ends`() async throws {
        try await AnsweringServer.run([AnsweringServer.fine]) { server in
            let bench = try await NoticeBench(Self.book(server, on: [.started]))
            try await bench.enqueue()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await bench.outbox(by: TestClock()).keepTelling() }
                let end = ContinuousClock.now + .seconds(60)
                while server.requests.isEmpty, ContinuousClock.now < end {
                    await RawServer.pause(milliseconds: 5)
                }
                group.cancelAll()
            }
            #expect(server.requests.count == 1)
        }
    }
}

/// The time of day.
private struct TestClock: Timekeeper {
    func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    func sleep(for span: Span) async throws(CancellationError) {
        let end = ContinuousClock.now + .milliseconds(span.milliseconds)
        while ContinuousClock.now < end {
            guard !Task.isCancelled else { throw CancellationError() }
            await RawServer.pause(milliseconds: 10)
        }
    }
}

extension RawServer {
    /// For polling; blocks a thread of its own.
    static func pause(milliseconds: Int32) async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "pause").async {
                poll(nil, 0, milliseconds)
                continuation.resume()
            }
        }
    }
}

/// A store that is away.
private struct NoRecords: RecordStore {
    func insert(
        _ value: String,
        as kind: Record.Kind,
        key: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> Record? {
        throw .unavailable("away")
    }
    func record(_ kind: Record.Kind, _ key: String) async throws(RunStoreError) -> Record? {
        throw .unavailable("away")
    }
    func records(_ kind: Record.Kind, after key: String, limit: Int) async throws(RunStoreError) -> [Record] {
        throw .unavailable("away")
    }
    func replace(_ record: Record, with value: String, due: Timestamp?) async throws(RunStoreError) -> Record?
    {
        throw .unavailable("away")
    }
    func remove(_ record: Record) async throws(RunStoreError) -> Bool { throw .unavailable("away") }
    func claim(
        _ kind: Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) async throws(RunStoreError) -> [Record] {
        throw .unavailable("away")
    }
}
