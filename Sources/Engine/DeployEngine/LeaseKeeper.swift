package import DeployCore
package import DeployPorts

/// Keeps a lease while its holder works under it.
package struct LeaseKeeper: Sendable {
    /// Why work under a lease was given up.
    package enum Loss: Error, Hashable, Sendable {
        /// Somebody else has the lease.
        case lost
        /// The work took longer than it may.
        case tooLong
    }

    /// As often it is renewed: two renewals may fail before somebody else can take it.
    private static let pace = Span.seconds(5)

    private let lease: Lease
    private let store: any RunStore
    private let clock: any Timekeeper

    package init(_ lease: Lease, in store: any RunStore, clock: any Timekeeper) {
        self.lease = lease
        self.store = store
        self.clock = clock
    }

    /// Renews the lease until the task is cancelled, or somebody else has it: then it returns `true`.
    func keep() async -> Bool {
        while !Task.isCancelled {
            do { try await clock.sleep(for: Self.pace) } catch { return false }
            do throws(RunStoreError) {
                try await store.renew(lease, at: clock.now())
            } catch {
                // A store that is away for a moment is not a lost lease: the fence decides at the next write.
                if error == .leaseLost { return true }
            }
        }
        return false
    }

    /// Does `work` while the lease is renewed; cancels it when the lease is lost, or after `limit`.
    ///
    /// Returns only when `work` has ended. On an error what it changed is not known here.
    package func during<Value: Sendable>(
        atMost limit: Span,
        _ work: @escaping @Sendable () async -> Value
    ) async throws(Loss) -> Value {
        let result = await withTaskGroup(of: Turn<Value>.self) { group in
            group.addTask { .done(await work()) }
            group.addTask { await keep() ? .over(.lost) : .cancelled }
            group.addTask { [clock] in
                do { try await clock.sleep(for: limit) } catch { return .cancelled }
                return .over(.tooLong)
            }
            var result: Result<Value, Loss>?
            for await turn in group {
                switch turn {
                case .done(let value): result = result ?? .success(value)
                case .over(let loss): result = result ?? .failure(loss)
                // Cancelled from outside: the work was told as well, and its answer counts.
                case .cancelled: continue
                }
                group.cancelAll()
            }
            return result
        }
        guard let result else { preconditionFailure("the work always returns a value") }
        return try result.get()
    }

    private enum Turn<Value: Sendable>: Sendable {
        case done(Value)
        case over(Loss)
        case cancelled
    }
}
