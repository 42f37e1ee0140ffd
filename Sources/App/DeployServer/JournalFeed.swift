package import DeployCore
package import DeployPorts
import Synchronization

/// The journal's new entries for everybody who follows a run, read once for all of them.
package final class JournalFeed: Sendable {
    package typealias Entries = AsyncThrowingStream<[JournalEntry], any Error>

    private struct Follower {
        let run: RunID
        var last: Int
        let continuation: Entries.Continuation
    }

    private let store: any RunStore
    private let clock: any Timekeeper
    private let followers = Mutex<(next: Int, all: [Int: Follower])>((0, [:]))

    /// As often every follower gets an empty list, so that a dead connection is noticed, and a token that is over.
    private static let pace = Span.seconds(2)

    /// At every eighth of them the journal is looked at, whether or not somebody told of a change.
    private static let look = 8

    /// As many lists wait for a follower.
    private static let patience = 256

    package init(store: any RunStore, clock: any Timekeeper) {
        self.store = store
        self.clock = clock
    }

    /// How many follow a run now.
    package var count: Int { followers.withLock { $0.all.count } }

    /// The entries after `sequence`, as they come, and an empty list every 2 s; ends with the task that reads it.
    package func entries(of run: RunID, after sequence: Int) -> Entries {
        // Who does not read loses the connection, and comes again with what it has.
        let (stream, continuation) = Entries.makeStream(bufferingPolicy: .bufferingOldest(Self.patience))
        let number = followers.withLock { followers in
            followers.next += 1
            followers.all[followers.next] = Follower(run: run, last: sequence, continuation: continuation)
            return followers.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.followers.withLock { _ = $0.all.removeValue(forKey: number) }
        }
        return stream
    }

    /// Feeds the followers until the task is cancelled; `changes` tells when there may be something new.
    package func run(changes: AsyncStream<Change>) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await change in changes {
                    switch change {
                    case .anything: await self.deliver(nil)
                    case .run(let run): await self.deliver(run)
                    case .record: continue
                    }
                }
            }
            for sign in 0... where !Task.isCancelled {
                giveSigns()
                // A change may have been missed while the store was away.
                if sign.isMultiple(of: Self.look) { await deliver(nil) }
                do { try await clock.sleep(for: Self.pace) } catch { break }
            }
            group.cancelAll()
        }
    }

    /// `changed` is the run that has something new; `nil` for whichever.
    private func deliver(_ changed: RunID?) async {
        let wanted = followers.withLock { followers in
            Dictionary(
                followers.all.values.filter { changed == nil || $0.run == changed }.map { ($0.run, $0.last) },
                uniquingKeysWith: min
            )
        }
        for (run, last) in wanted {
            do throws(RunStoreError) {
                let entries = try await store.entries(of: run, after: last)
                if !entries.isEmpty { hand(entries, of: run) }
            } catch {
                // The next look shows it.
                continue
            }
        }
    }

    private func giveSigns() {
        followers.withLock { followers in
            for follower in followers.all.values { follower.continuation.yield([]) }
        }
    }

    private func hand(_ entries: [JournalEntry], of run: RunID) {
        var idle: [Entries.Continuation] = []
        followers.withLock { followers in
            for (number, follower) in followers.all where follower.run == run {
                let new = entries.filter { $0.sequence > follower.last }
                guard let last = new.last else { continue }
                followers.all[number]?.last = last.sequence
                if case .dropped = follower.continuation.yield(new) { idle.append(follower.continuation) }
            }
        }
        // Not above: the end of a stream takes its follower out, which locks too.
        for continuation in idle { continuation.finish() }
    }
}
