package import DeployCore
package import DeployPorts

extension Outbox {
    /// A record that was taken is nobody else's for so long.
    package static let lease = Span.seconds(60)
    /// The longest time that one channel may take.
    private static let slowest = Span.seconds(30)
    private static let longestPause = Span.minutes(10)
    /// Who asks for a longer rest gets this.
    private static let longestRest = Span.minutes(60)
    private static let handover = Span.seconds(5)
    /// After this it is given up.
    package static let patience = Span.minutes(24 * 60)
    private static let batch = 32

    /// What one round came to.
    package struct Round: Hashable, Sendable {
        package var delivered = 0
        /// Will be tried again.
        package var failed = 0
        /// Will not be tried again.
        package var undelivered = 0
        /// Escalations that were not needed.
        package var dropped = 0

        package init() {}
    }

    /// Tells what is due: channels side by side, what one run tells one channel in its order.
    package func deliver() async throws(RunStoreError) -> Round {
        let now = clock.now()
        let until = now.advanced(by: Self.lease)
        let due = try await records.claim(.notification, dueAt: now, until: until, limit: Self.batch)
        let lanes = Dictionary(grouping: due) { $0.key.split(separator: "/").prefix(2) }
        let results = await withTaskGroup(of: Result<Round, RunStoreError>.self) { group in
            for lane in lanes.values {
                let inOrder = lane.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                group.addTask { await deliver(inOrder, until: until) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var total = Round()
        for result in results { total.add(try result.get()) }
        return total
    }

    private func deliver(_ lane: [Record], until end: Timestamp) async -> Result<Round, RunStoreError> {
        var round = Round()
        do throws(RunStoreError) {
            for record in lane {
                // Another process may take the rest when the time is over.
                guard clock.now().advanced(by: Self.slowest) < end, !Task.isCancelled else { break }
                try await deliver(record, &round)
            }
            return .success(round)
        } catch {
            return .failure(error)
        }
    }

    private func deliver(_ record: Record, _ round: inout Round) async throws(RunStoreError) {
        guard var item = OutboxRecord(record) else {
            try await giveUp(record, value: record.value)
            round.undelivered += 1
            return
        }
        if let blocker = try await earlier(than: record, item) {
            try await postpone(record, behind: blocker)
            return
        }
        if item.escalatedTo != nil, item.act == .tell, try await isTakenCareOf(item) {
            _ = try await records.remove(record)
            round.dropped += 1
            return
        }
        guard let book = await available(&item) else {
            try await putBack(record, item, &round)
            return
        }
        switch await outcome(of: item, book) {
        case .success:
            _ = try await records.remove(record)
            round.delivered += 1
        case .failure(.stopped):
            // The lease passes, and somebody tries again.
            return
        case .failure(let error):
            item.attempts += 1
            item.problem = error.reason
            if let next = next(after: item, error) {
                _ = try await records.replace(record, with: item.text, due: next)
                round.failed += 1
            } else {
                try await giveUp(record, value: item.text)
                round.undelivered += 1
            }
        }
    }

    // MARK: order

    /// What must be told before `record` and is not yet.
    private func earlier(
        than record: Record,
        _ item: OutboxRecord
    ) async throws(RunStoreError) -> Record? {
        let now = clock.now()
        let inFront = try await records.records(.notification, after: item.lane, limit: 100)
        return inFront.first { other in
            other.key.utf8.lexicographicallyPrecedes(record.key.utf8) && other.key.hasPrefix(item.lane)
                && OutboxRecord(other)?.blocksLater(at: now) == true
        }
    }

    private func postpone(_ record: Record, behind blocker: Record) async throws(RunStoreError) {
        let now = clock.now()
        let next = min(max(blocker.due ?? now, now.advanced(by: .seconds(1))), now.advanced(by: .seconds(15)))
        _ = try await records.replace(record, with: record.value, due: next)
    }

    /// Whether the run went on to a good end, or a person gave it an order, after the notice.
    private func isTakenCareOf(_ item: OutboxRecord) async throws(RunStoreError) -> Bool {
        let run = item.notice.run
        if let time = try await acknowledged(run), time >= item.notice.at { return true }
        var fold = NoticeFold(run: run)
        for entry in try await runs.entries(of: run, after: 0) {
            let seen = fold.take(entry.event, sequence: entry.sequence)
            guard entry.sequence > item.notice.sequence else { continue }
            if seen.hasActed || seen.hasSettledWell { return true }
        }
        return item.notice.runbook?.incident == nil ? false : try await isIncidentTakenCareOf(item.notice)
    }

    /// Whether a later run of the runbook was an action, or found the trouble gone.
    private func isIncidentTakenCareOf(_ notice: Notice) async throws(RunStoreError) -> Bool {
        for record in try await runs.runs(of: notice.service, limit: 50) where record.id > notice.run {
            let events = try await runs.entries(of: record.id, after: 0).map(\.event)
            guard let state = Reducer.fold(events) else { continue }
            if state.plan.runbook?.action != nil { return true }
            if RunbookFold(events).incident(after: state, of: record.id)?.run != notice.runbook?.incident {
                return true
            }
        }
        return false
    }

    // MARK: sending

    /// Notes in `item` why there is none.
    private func available(_ item: inout OutboxRecord) async -> NoticeBook? {
        do throws(BookUnavailable) {
            return try await book(item.notice.run)
        } catch {
            item.problem = error.reason
            return nil
        }
    }

    /// For another process, which may have the secrets that this one has not: no attempt was made.
    private func putBack(
        _ record: Record,
        _ item: OutboxRecord,
        _ round: inout Round
    ) async throws(RunStoreError) {
        let next = clock.now().advanced(by: Self.handover)
        if next < item.due.advanced(by: Self.patience) {
            _ = try await records.replace(record, with: item.text, due: next)
            round.failed += 1
        } else {
            try await giveUp(record, value: item.text)
            round.undelivered += 1
        }
    }

    private func outcome(of item: OutboxRecord, _ book: NoticeBook) async -> Result<Void, NotifierError> {
        do throws(NotifierError) {
            return .success(try await send(item, book))
        } catch {
            return .failure(error)
        }
    }

    private func send(_ item: OutboxRecord, _ book: NoticeBook) async throws(NotifierError) {
        guard let channel = book.channel(item.channel) else {
            throw .refused(reason: "the run's playbook has no such channel")
        }
        let delivery = NoticeDelivery(
            id: item.key,
            act: item.act,
            notice: item.notice,
            escalatedTo: item.escalatedTo,
            sentAt: clock.now()
        )
        try await channel.notifier.send(delivery, values: book.values)
    }

    /// When to try again: 1 s and then twice as long each time, up to 10 min; `nil` for never.
    private func next(after item: OutboxRecord, _ error: NotifierError) -> Timestamp? {
        guard case .notDelivered(_, let rest) = error else { return nil }
        let doubled = Int64(1000) << Int64(min(item.attempts - 1, 20))
        let pause = min(doubled, Self.longestPause.milliseconds)
        // Never early of what was asked for: what is added spreads those that fail together.
        let spread = Int64(Double(pause) * jitter() / 2)
        let asked = min(rest ?? .zero, Self.longestRest).milliseconds
        let next = clock.now().advanced(by: .milliseconds(max(pause, asked) + spread))
        return next < item.due.advanced(by: Self.patience) ? next : nil
    }

    private func giveUp(_ record: Record, value: String) async throws(RunStoreError) {
        _ = try await records.insert(value, as: .undelivered, key: record.key, due: nil)
        _ = try await records.remove(record)
    }
}

extension Outbox.Round {
    fileprivate mutating func add(_ other: Self) {
        delivered += other.delivered
        failed += other.failed
        undelivered += other.undelivered
        dropped += other.dropped
    }
}

extension NotifierError {
    fileprivate var reason: String {
        switch self {
        case .notDelivered(let reason, _), .refused(let reason): reason
        case .stopped: "stopped"
        }
    }
}

extension NoticeBook {
    /// By its name in an ``OutboxRecord``.
    fileprivate func channel(_ place: String) -> NoticeChannel? {
        if let index = Int(place) { return channels.indices.contains(index) ? channels[index] : nil }
        return ofSteps.first { place == OutboxRecord.place(of: $0.key) }?.value
    }
}
