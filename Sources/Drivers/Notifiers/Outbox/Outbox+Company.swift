package import DeployCore
package import DeployPorts
import Synchronization

extension Outbox {
    /// How long what is still to be told at the end of a run may take.
    package static let lastChance = Span.seconds(5)
    private static let beat = Span.milliseconds(250)

    /// Does `work`, which drives `run`, and tells what there is to tell beside it; nothing of that can delay
    /// or fail the work.
    ///
    /// When the work is done, what is due has ``lastChance`` to be told. Returns with the work's result what
    /// is left: another process tells it, or the next one of this host. A channel that is being told at that
    /// moment may get the notice again.
    package func accompany<Value>(
        _ run: RunID,
        telling book: NoticeBook,
        _ work: () async -> Value
    ) async -> (value: Value, left: [OutboxRecord]) {
        let isEnding = Ending()
        let value = await withTaskGroup(of: Void.self) { group in
            group.addTask { await keepTelling(run, book, until: isEnding) }
            let value = await work()
            isEnding.begin()
            group.addTask { try? await clock.sleep(for: Self.lastChance) }
            await group.next()
            group.cancelAll()
            return value
        }
        return (value, (try? await waiting(of: run)) ?? [])
    }

    /// Tells what is due of all runs until the task is cancelled: for a service.
    package func keepTelling() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                // A channel that hangs is waited for by its own round alone.
                group.addTask { _ = try? await deliver() }
                do { try await clock.sleep(for: .seconds(1)) } catch { break }
            }
            group.cancelAll()
        }
    }

    /// A store that is away does not hinder: the next round, or the next process, finds the same.
    private func keepTelling(_ run: RunID, _ book: NoticeBook, until ending: Ending) async {
        var company = Company(run: run, routing: NoticeRouting(run: run, book: book))
        await withDiscardingTaskGroup { group in
            var beats = 0
            while !Task.isCancelled {
                let isLast = ending.hasBegun
                if beats % 4 == 0 || isLast {
                    await company.catchUp(self)
                    if isLast, await isQuiet(run) { break }
                    group.addTask { _ = try? await deliver() }
                }
                beats += 1
                do { try await clock.sleep(for: Self.beat) } catch { break }
            }
            group.cancelAll()
        }
    }

    private func isQuiet(_ run: RunID) async -> Bool {
        guard let left = try? await waiting(of: run) else { return false }
        return left.isEmpty
    }
}

/// What one process knows of the run that it accompanies.
private struct Company {
    let run: RunID
    var routing: NoticeRouting
    var seen = 0

    /// When the store is away the next time finds the same.
    mutating func catchUp(_ outbox: Outbox) async {
        do throws(RunStoreError) {
            let entries = try await outbox.runs.entries(of: run, after: seen)
            guard let last = entries.last else { return }
            var next = routing
            try await outbox.enqueue(entries, of: run, &next)
            (routing, seen) = (next, last.sequence)
        } catch {
            return
        }
    }
}

private final class Ending: Sendable {
    private let state = Mutex(false)

    var hasBegun: Bool { state.withLock { $0 } }

    func begin() { state.withLock { $0 = true } }
}
