package import DeployCore
package import DeployPorts
import Playbooks

/// Reads what is to be handed over.
package struct HandoffReader {
    package let store: any RunStore
    /// What is kept beside the journal; `nil` where it cannot be read from here.
    package let notices: Notices?
    package let clock: any Timekeeper

    /// So many runs of the journal are looked through, the newest first.
    private static let depth = 200
    /// And so many of each service, however old: what they left open is open.
    private static let recent = 5

    package init(store: any RunStore, notices: Notices?, clock: any Timekeeper) {
        self.store = store
        self.notices = notices
        self.clock = clock
    }

    /// Of all services, or of `service` alone.
    package func handoff(of service: String?, since length: Span) async throws(CommandFailure) -> Handoff {
        let now = clock.now()
        let since = Timestamp(milliseconds: max(0, now.milliseconds - length.milliseconds))
        do throws(RunStoreError) {
            let all = try await runs(of: service)
            let records = all.filter { !$0.isLedger }
            let services = Set(records.map { RunbookPart.service(ofLedger: $0.service) }).sorted()
            var handoff = Handoff(at: now, since: since, services: services, items: [])
            for name in Set(records.map(\.service)).sorted() {
                let mine = records.filter { $0.service == name }
                let isHeld = try await store.lease(on: name)?.isHeld(at: now) == true
                for (index, record) in mine.enumerated()
                where index < Self.recent || record.startedAt >= since {
                    let run = try await RunHistory(store: store, service: name).recorded(record)
                    handoff.items +=
                        RunHandoff(
                            run: run,
                            report: RunReport(run, judge: await RunJudge.of(run, store)),
                            isLatest: index == 0,
                            isHeld: isHeld,
                            since: since,
                            now: now
                        ).items
                }
            }
            for ledger in all where ledger.isLedger { try await addLedger(ledger, to: &handoff) }
            try await addNotices(to: &handoff, service)
            return handoff
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Those of its runbooks too.
    private func runs(of service: String?) async throws(RunStoreError) -> [RunRecord] {
        let latest = try await store.runs(of: nil, limit: Self.depth)
        guard let service else { return latest }
        let ofRunbooks = latest.filter {
            $0.service != service && RunbookPart.service(ofLedger: $0.service) == service
        }
        return try await store.runs(of: service, limit: Self.depth) + ofRunbooks
    }

    /// What became of tokens.
    private func addLedger(_ ledger: RunRecord, to handoff: inout Handoff) async throws(RunStoreError) {
        for entry in try await store.entries(of: ledger.id, after: 0) where entry.event.at >= handoff.since {
            guard case .noted(let note) = entry.event.kind else { continue }
            handoff.items.append(
                Handoff.Item(
                    topic: .changes,
                    at: entry.event.at,
                    service: "tokens",
                    run: ledger.id,
                    text: note.text,
                    advice: nil
                )
            )
        }
    }

    private func addNotices(to handoff: inout Handoff, _ service: String?) async throws(RunStoreError) {
        guard let notices else {
            handoff.gaps.append("notifications that were not delivered are known where the service runs")
            return
        }
        for open in try await notices.open() where service.map({ $0 == open.notice.service }) ?? true {
            handoff.items.append(
                Handoff.Item(
                    topic: .watch,
                    at: open.notice.at,
                    service: open.notice.service,
                    run: open.notice.run,
                    text: open.text,
                    advice: "bgdeploy notifications acknowledge \(open.notice.run)"
                )
            )
        }
    }

    /// What a service's own playbook adds: its balancers as they are, and its windows.
    package func add(_ status: ServiceStatus, _ service: Service, to handoff: inout Handoff) {
        func add(_ topic: Handoff.Topic, _ at: Timestamp?, _ text: String, _ advice: String? = nil) {
            handoff.items.append(
                Handoff.Item(
                    topic: topic,
                    at: at,
                    service: service.name,
                    run: nil,
                    text: text,
                    advice: advice
                )
            )
        }
        for remark in status.remarks { add(.watch, nil, remark, "bgdeploy status") }
        for window in service.playbook.windows {
            let gate = window.gate(from: handoff.at)
            let title = window.title
            if gate.isOpen(at: handoff.at) {
                let end = gate.openings.first { $0.until > handoff.at }?.until
                add(.planned, end, "\(title): open until then")
            } else if let opens = gate.opens(at: handoff.at) {
                add(
                    .planned,
                    opens,
                    "\(title): CLOSED until then",
                    "bgdeploy run VERSION --override-window --reason WHY"
                )
            } else {
                add(.planned, nil, "\(title): CLOSED for longer than a run waits")
            }
        }
    }
}
