package import DeployCore
import DeployEngine
package import DeployPorts
package import Notifiers
import Playbooks

/// Tells people what runs do, from an outbox beside the journal.
package struct Notices: Sendable {
    private let desk: Desk
    private let store: any StateStore

    package init(desk: Desk, store: any StateStore) {
        self.desk = desk
        self.store = store
    }

    var actor: Actor { desk.actor }

    package var outbox: Outbox {
        Outbox(records: store, runs: store, clock: desk.clock) { [self] run throws(BookUnavailable) in
            try await book(of: run)
        }
    }

    /// Does `work` on `run`, and tells meanwhile; also what is left to be told at its end.
    func accompanying(
        _ run: RunID,
        _ playbook: Playbook,
        _ frozen: FrozenPlan,
        _ observer: any RunObserver,
        _ work: @Sendable () async -> RunEnd
    ) async -> RunEnd {
        let book = playbook.noticeBook(for: frozen)
        guard !book.isEmpty else { return await work() }
        let (end, left) = await outbox.accompany(run, telling: book, work)
        for notice in left {
            let why = notice.problem.map { ": \($0)" } ?? ""
            observer.output(
                "not told yet: \(notice.name): \(notice.notice.title)\(why)",
                of: StepID(rawValue: "notify")
            )
        }
        return end
    }

    /// Puts into the outbox what a process that died did not; does nothing the second time.
    func tellRest(of run: RunID) async {
        // Whom this process cannot find out, another one may.
        guard let book = try? await book(of: run), !book.isEmpty else { return }
        try? await outbox.enqueue(run, book)
    }

    /// Whom a run tells, by the playbook that it was begun with, with the secrets of this process.
    private func book(of run: RunID) async throws(BookUnavailable) -> NoticeBook {
        do throws(CommandFailure) {
            let history = RunHistory(store: store, service: nil)
            let plan = try await history.run(run.rawValue).state.plan
            let text = try await playbook(of: run)
            let service = try Service(text: Array(text.utf8), path: "bgdeploy.yml", clock: desk.clock)
            let frozen = RunSession.frozen(
                service,
                version: plan.version,
                previous: plan.previousVersion,
                stable: plan.stable,
                strategy: plan.strategy(of: service.playbook)
            )
            var book = service.playbook.noticeBook(for: frozen)
            book.values = try await service.values(for: plan, run: run, environment: desk.environment)
            return book
        } catch {
            throw BookUnavailable(error.message)
        }
    }

    private func playbook(of run: RunID) async throws(CommandFailure) -> String {
        do throws(RunStoreError) {
            return try await store.playbook(of: run)
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension Service {
    /// What the playbook's texts stand for in a run.
    package func values(
        for plan: Plan,
        run: RunID,
        environment: [String: String]
    ) async throws(CommandFailure) -> Values {
        do throws(PlaybookError) {
            return try await playbook.values(for: plan, run: run, environment: environment)
        } catch {
            throw CommandFailure(.badInput, error.description)
        }
    }
}
