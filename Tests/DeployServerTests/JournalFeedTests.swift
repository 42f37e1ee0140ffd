import DeployCore
import DeployPorts
import DeployTestKit
import Testing

@testable import DeployServer

/// What those get who follow a run.
@Suite(.timeLimit(.minutes(1))) struct JournalFeedTests {
    private static let one = RunID(rawValue: "01M7ZMNQV574YTXTG4P4515ZM1")
    private static let two = RunID(rawValue: "01M7ZMNQV574YTXTG4P4515ZM2")

    /// A feed that runs, and a journal of two runs, each with its first entry.
    private struct Bench {
        let store = MemoryRunStore()
        let feed: JournalFeed
        let tell: AsyncStream<Change>.Continuation
        private let leases: [RunID: Lease]

        static func run(_ body: (Bench) async throws -> Void) async throws {
            let (changes, tell) = AsyncStream.makeStream(of: Change.self)
            let bench = try await Bench(tell)
            try await withThrowingTaskGroup { group in
                group.addTask { await bench.feed.run(changes: changes) }
                try await body(bench)
                group.cancelAll()
            }
        }

        private init(_ tell: AsyncStream<Change>.Continuation) async throws {
            self.tell = tell
            feed = JournalFeed(store: store, clock: ManualClock())
            var leases: [RunID: Lease] = [:]
            for (run, service) in [(one, "one"), (two, "two")] {
                let lease = try await store.acquireLease(
                    on: service,
                    for: LeaseHolder(
                        host: "h",
                        boot: "",
                        process: 1,
                        startTicks: 1,
                        actor: Actor("ana"),
                        purpose: "run v1"
                    ),
                    takeover: .onlyIfFree,
                    floor: 0,
                    at: Timestamp(milliseconds: 1)
                )
                let plan = Plan(
                    service: service,
                    version: try #require(Version(rawValue: "v1")),
                    stable: EnvironmentName("blue"),
                    candidate: EnvironmentName("green"),
                    phases: []
                )
                let event = RunEvent(at: Timestamp(milliseconds: 1), .started(plan: plan))
                _ = try await store.open(run, event: event, effects: [], playbook: "", lease: lease)
                leases[run] = lease
            }
            self.leases = leases
        }

        /// Writes another entry and says so.
        func append(to run: RunID) async throws {
            let event = RunEvent(at: Timestamp(milliseconds: 2), .resumed(by: Actor("ana")))
            _ = try await store.append(event, effects: [], to: run, lease: try #require(leases[run]))
            tell.yield(.run(run))
        }
    }

    /// Reads past the empty lists.
    private func next(_ iterator: inout JournalFeed.Entries.Iterator) async throws -> [JournalEntry] {
        while let entries = try await iterator.next() {
            if !entries.isEmpty { return entries }
        }
        return []
    }

    @Test func `each gets the entries of its run, each of them once, from where it asked`() async throws {
        try await Bench.run { bench in
            var first = bench.feed.entries(of: Self.one, after: 0).makeAsyncIterator()
            var late = bench.feed.entries(of: Self.one, after: 1).makeAsyncIterator()
            var other = bench.feed.entries(of: Self.two, after: 0).makeAsyncIterator()
            bench.tell.yield(.anything)
            #expect(try await next(&first).map(\.sequence) == [1])
            try await bench.append(to: Self.one)
            #expect(try await next(&first).map(\.sequence) == [2])
            #expect(try await next(&late).map(\.sequence) == [2])
            try await bench.append(to: Self.one)
            #expect(try await next(&first).map(\.sequence) == [3])
            try await bench.append(to: Self.two)
            for sequence in [1, 2] {
                let its = try await next(&other)
                #expect(its.map(\.run) == [Self.two] && its.map(\.sequence) == [sequence])
            }
        }
    }

    @Test func `who does not read loses the connection, and nobody else does`() async throws {
        try await Bench.run { bench in
            let idle = bench.feed.entries(of: Self.one, after: 1)
            var reader = bench.feed.entries(of: Self.one, after: 1).makeAsyncIterator()
            for number in 2...300 {
                try await bench.append(to: Self.one)
                #expect(try await next(&reader).map(\.sequence) == [number])
            }
            try #require(bench.feed.count == 1)
            var lists = 0
            for try await _ in idle { lists += 1 }
            #expect(lists < 299)
        }
    }
}
