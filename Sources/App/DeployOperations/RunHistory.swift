package import DeployCore
package import DeployPorts

/// One run as the journal tells it.
package struct RecordedRun: Sendable {
    package let record: RunRecord
    package let entries: [JournalEntry]
    package let state: RunState

    /// When the last thing happened.
    package var updatedAt: Timestamp { lastOfItsOwn?.event.at ?? record.startedAt }
    /// What people wrote down afterwards does not make a run last longer.
    private var lastOfItsOwn: JournalEntry? { entries.last { $0.event.remarks == nil } }
    /// The split that the run, or `traffic set` after it, left behind; `nil` where that is not known.
    package var settledSplit: Split? {
        guard case .noted(let note) = lastOfItsOwn?.event.kind, note.topic == Note.trafficSet else {
            return state.settledSplit
        }
        guard let tenths = note.facts[Note.candidateTenths].flatMap({ Int($0) }) else { return nil }
        return Percent(tenths: tenths).map { state.plan.split(candidate: Exposure($0)) }
    }
    /// What was noted in the run, oldest first.
    package var notes: [Note] {
        entries.compactMap { if case .noted(let note) = $0.event.kind { note } else { nil } }
    }
    /// Why the run, as it stands, would not obey `command`; `nil` when it would.
    package func refusal(of command: PostedCommand) -> String? {
        let kind = RunEvent.Kind.commanded(command: command.command, by: command.by, reason: command.reason)
        return Reducer.step(state, RunEvent(at: command.at, kind)).refusal
    }

    package var lastEvent: Int { entries.last?.sequence ?? 0 }
    /// What a runbook's checks found.
    package var findings: RunbookFold { RunbookFold(entries.map(\.event)) }
    /// The incident that is open after a runbook's run; `nil` without one, and for a release.
    package var incident: Incident? { findings.incident(after: state, of: record.id) }
    /// The environment that is live because the run is over and its traffic is back; `nil` where a rollback has
    /// something to do.
    package var nothingToTakeBack: EnvironmentName? {
        guard state.plan.runbook == nil else { return nil }
        return switch state.stage {
        // Another try is exactly what is asked for.
        case .ended(.rollbackFailed): nil
        case .ended: state.plan.stable
        case .idle, .forward, .returning, .released: nil
        }
    }
}

/// Reads runs from the store and folds them.
package struct RunHistory: Sendable {
    package let store: any RunStore
    package let service: String?

    package init(store: any RunStore, service: String?) {
        self.store = store
        self.service = service
    }

    package func latest() async throws(RunStoreError) -> RecordedRun? {
        guard let record = try await store.runs(of: service, limit: 1).first else { return nil }
        return try await recorded(record)
    }

    /// The incident that the latest run of a runbook's ledger left; `nil` without one.
    package func incident() async throws(RunStoreError) -> Incident? {
        try await latest()?.incident
    }

    /// By identity, or the latest without one.
    package func run(_ identity: String?) async throws(CommandFailure) -> RecordedRun {
        do throws(RunStoreError) {
            if let identity {
                guard let record = try await store.run(identity) else {
                    throw .unavailable("there is no run \(identity); `bgdeploy history` lists the runs")
                }
                return try await recorded(record)
            }
            guard let latest = try await latest() else {
                throw .unavailable("no run of \(service ?? "any service") is on record")
            }
            return latest
        } catch {
            throw CommandFailure(error)
        }
    }

    package func recorded(_ record: RunRecord) async throws(RunStoreError) -> RecordedRun {
        let entries = try await store.entries(of: record.id, after: 0)
        guard let state = Reducer.fold(entries.map(\.event)) else {
            throw .unreadable(
                "run \(record.id) has no first event; check the journal with `bgdeploy audit verify`"
            )
        }
        try checkIntents(entries, of: record)
        return RecordedRun(record: record, entries: entries, state: state)
    }

    /// The journal's intents must be what this version would have begun: a run that another version of the rules
    /// wrote is not gone on with.
    private func checkIntents(_ entries: [JournalEntry], of record: RunRecord) throws(RunStoreError) {
        var state: RunState?
        for entry in entries {
            if case .started(let plan) = entry.event.kind, state == nil { state = RunState(plan: plan) }
            guard let before = state else { continue }
            let transition = Reducer.step(before, entry.event)
            guard transition.effects == entry.effects else {
                throw .unreadable(
                    """
                    run \(record.id) was written by another version of bgdeploy, which decides otherwise at event \
                    \(entry.sequence): go on with that version, or take the traffic back
                    """
                )
            }
            state = transition.state
        }
    }

    /// The runs before `run` in which its stable environment was stable already, newest first.
    package func attempts(before run: RecordedRun) async throws(RunStoreError) -> [RecordedRun] {
        var found: [RecordedRun] = []
        for record in try await store.runs(of: service, limit: 20) where record.id < run.record.id {
            let earlier = try await recorded(record)
            guard earlier.state.plan.stable == run.state.plan.stable else { break }
            found.append(earlier)
        }
        return found
    }

    /// The version that `environment` runs, as far as released runs tell.
    package func version(of environment: EnvironmentName) async throws(RunStoreError) -> Version? {
        for record in try await store.runs(of: service, limit: 20) {
            let run = try await recorded(record)
            if run.state.plan.candidate == environment, case .released = run.state.stage {
                return run.state.plan.version
            }
            if run.state.plan.stable == environment, let previous = run.state.plan.previousVersion {
                return previous
            }
        }
        return nil
    }
}

/// Follows a journal from its first entry.
package struct JournalFold: Sendable {
    package private(set) var state: RunState?
    package private(set) var lastEvent = 0

    package init() {}

    /// The states around `entry`, which must be the next one; `before` is `nil` for the first.
    ///
    /// `nil` where the journal does not begin with a start.
    package mutating func step(_ entry: JournalEntry) -> (before: RunState?, after: RunState)? {
        lastEvent = entry.sequence
        let before = state
        if state == nil, case .started(let plan) = entry.event.kind { state = RunState(plan: plan) }
        guard let from = state else { return nil }
        let after = Reducer.step(from, entry.event).state
        state = after
        return (before, after)
    }
}
