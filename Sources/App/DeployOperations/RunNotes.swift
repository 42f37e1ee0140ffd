package import DeployCore
package import DeployPorts
import JournalFormat

/// Writes into a run's journal what people know of it: while it goes on anywhere, and after its end.
package struct RunNotes {
    package let desk: Desk
    package let store: any RunStore

    /// How long who holds the service may take.
    private static let patience = Span.seconds(15)

    package init(desk: Desk, store: any RunStore) {
        self.desk = desk
        self.store = store
    }

    /// Adds `remarks` to the run, once; they are in its journal when the call returns.
    ///
    /// `.badInput` for an action that is done and that the run has not. `.held` when the process that drives the run
    /// does not take them in time: nothing was written then, unless that process comes back to it.
    package func add(_ remarks: [Remark], to run: RecordedRun) async throws(CommandFailure) {
        try Self.check(remarks, run)
        let deadline = desk.clock.now().advanced(by: Self.patience)
        var posted: Int?
        while desk.clock.now() < deadline {
            do throws(RunStoreError) {
                if try await isWritten(remarks, to: run.record, &posted) { return }
            } catch {
                throw CommandFailure(error)
            }
            do { try await desk.clock.sleep(for: .milliseconds(50)) } catch { break }
        }
        throw CommandFailure(
            .held,
            """
            \(run.record.service) is held by a process that did not take the note of run \(run.record.id) within \
            \(Self.patience)
            Look with `bgdeploy status`, and at `bgdeploy events \(run.record.id)` before you write it again.
            """
        )
    }

    private static func check(_ remarks: [Remark], _ run: RecordedRun) throws(CommandFailure) {
        let count = RunRemarks(run.entries).actions.count + remarks.count { $0.kind == .action }
        for remark in remarks where remark.kind == .done {
            guard let number = Int(remark.text), (1...max(1, count)).contains(number), count > 0 else {
                let there = count == 0 ? "it has none" : "it has 1 to \(count)"
                throw CommandFailure(
                    .badInput,
                    "run \(run.record.id) has no action \(remark.text): \(there); `bgdeploy report` lists them"
                )
            }
        }
    }

    /// Whether it is in the journal: the run's own process writes it where there is one, else this one does.
    private func isWritten(
        _ remarks: [Remark],
        to run: RunRecord,
        _ posted: inout Int?
    ) async throws(RunStoreError) -> Bool {
        if let posted, let reply = try await store.reply(to: posted) {
            if let refusal = reply.refusal { throw .unavailable(refusal) }
            return true
        }
        let order = PostedCommand(
            command: .note(remarks: remarks),
            by: desk.actor,
            reason: nil,
            at: desk.clock.now()
        )
        if let lease = try await store.lease(on: run.service), lease.isHeld(at: desk.clock.now()) {
            guard try await store.runs(of: run.service, limit: 1).first?.id == run.id else {
                // Who holds the service drives a later run: of this one nobody else writes anything.
                return try await append(order, to: run, lease, answering: posted)
            }
            if posted == nil { posted = try await store.post(order, to: run.id) }
            return false
        }
        return try await writeMyself(order, to: run, posted)
    }

    private func writeMyself(
        _ order: PostedCommand,
        to run: RunRecord,
        _ posted: Int?
    ) async throws(RunStoreError) -> Bool {
        let lease: Lease
        do throws(RunStoreError) {
            lease = try await store.acquireLease(
                on: run.service,
                for: ProcessIdentity.current(actor: desk.actor, purpose: "note"),
                takeover: .onlyIfFree,
                floor: 0,
                at: desk.clock.now()
            )
        } catch {
            if case .held = error { return false }
            throw error
        }
        let result: Result<Bool, RunStoreError>
        do throws(RunStoreError) {
            // Whoever held the service until now may have taken it.
            if let posted, try await store.reply(to: posted) != nil {
                result = .success(false)
            } else {
                result = .success(try await append(order, to: run, lease, answering: posted))
            }
        } catch {
            result = .failure(error)
        }
        try? await store.release(lease)
        return try result.get()
    }

    /// `false` when the lease has changed hands: nothing was written.
    private func append(
        _ order: PostedCommand,
        to run: RunRecord,
        _ lease: Lease,
        answering posted: Int?
    ) async throws(RunStoreError) -> Bool {
        let state = try await RunHistory(store: store, service: run.service).recorded(run).state
        let event = RunEvent(
            at: desk.clock.now(),
            .commanded(command: order.command, by: order.by, reason: nil)
        )
        let transition = Reducer.step(state, event)
        do throws(RunStoreError) {
            _ = try await store.append(
                event,
                effects: transition.effects,
                to: run.id,
                lease: lease,
                answering: posted
            )
            return true
        } catch {
            if case .leaseLost = error { return false }
            throw error
        }
    }
}
