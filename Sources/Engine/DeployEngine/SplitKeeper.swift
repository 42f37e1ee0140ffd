import DeployCore
import DeployPorts

/// Holds the split that a run has confirmed for as long as the run watches it.
///
/// About once a second every balancer is looked at. One that has lost the split (HAProxy was reloaded by
/// somebody, the host was built anew, it was away) gets it again; what a person changed is left alone, and
/// told.
actor SplitKeeper {
    private let fleet: BalancerFleet
    private let token: FencingToken
    private let stable: EnvironmentName
    private let clock: any Timekeeper
    private let note: @Sendable (Note) -> Void
    private var records: [Record]
    private var isCorrecting = false
    /// The watch that is held for; `nil` once it is over.
    private var current: Watch?

    /// What is known of one balancer.
    private struct Record {
        /// Told, and still so.
        var remarks: Set<String> = []
        /// When it was put right, or tried to be.
        var corrections: [Timestamp] = []
        /// Looks in a row that brought nothing, and why.
        var blind = 0
        var reason = ""
        /// Why it is not put right any more, until it is right or somebody goes on with the run.
        var surrender: String?
        /// What was told of it last, so that it is told once.
        var told: String?
    }

    private static let tick = Span.seconds(1)
    /// At most so many corrections of one balancer in a minute.
    private static let limit = 3
    private static let limitSpan = Span.minutes(1)
    /// A balancer that did not answer so many times in a row is away.
    private static let patience = 3

    init(
        _ fleet: BalancerFleet,
        token: FencingToken,
        stable: EnvironmentName,
        clock: any Timekeeper,
        note: @escaping @Sendable (Note) -> Void
    ) {
        self.fleet = fleet
        self.token = token
        self.stable = stable
        self.clock = clock
        self.note = note
        records = [Record](repeating: Record(), count: fleet.balancers.count)
    }

    enum Ending: Hashable, Sendable {
        /// The watch is over.
        case over
        /// A person must look: the reason for it.
        case troubled(String)
        /// Another process is in charge.
        case fenced
        /// A person went back to the stable environment at a balancer: the reason.
        case recalled(String)
    }

    /// Holds `split` until ``rest(from:)`` or a cancellation, or until it cannot be held any more.
    ///
    /// While a run is paused or on its way back it goes on for those that can be held: a person has been
    /// told.
    func hold(_ split: Split, during watch: Watch) async -> Ending {
        current = watch
        let mayEnd = watch.purpose == .hold || watch.purpose == .monitor
        if watch.purpose != .pause { for index in records.indices { records[index].surrender = nil } }
        while current == watch, !Task.isCancelled {
            do { try await clock.sleep(for: Self.tick) } catch { break }
            let ending = await look(split, watch)
            for news in fleet.roll.takeNews() { note(news) }
            if ending != .over { return ending }
            if mayEnd, let reason = records.compactMap(\.surrender).first { return .troubled(reason) }
        }
        return .over
    }

    /// Begins no correction any more, and returns when none is under way; waits ten seconds for that.
    func rest(from watch: Watch) async {
        if current == watch { current = nil }
        for _ in 0..<500 where isCorrecting { try? await clock.sleep(for: .milliseconds(20)) }
    }

    /// Balancers that have not answered of late, although the run may not go on without them.
    var silence: String? {
        let silent = records.filter { $0.blind >= Self.patience }.map(\.reason)
        guard !silent.isEmpty else { return nil }
        let advice = "The split there is not known: the run goes no further. Once it answers: bgdeploy resume"
        return "\(silent.joined(separator: "\n"))\n\(advice)"
    }

    // MARK: one look

    private func look(_ split: Split, _ watch: Watch) async -> Ending {
        let outcomes = await fleet.observations()
        guard current == watch, !Task.isCancelled else { return .over }
        let absent = Set(fleet.roll.absent)
        var wrong: [Int] = []
        var isWhole = true
        for outcome in outcomes {
            switch outcome.result {
            case .failure:
                if let failed = outcome.failed { missed(failed, split) }
            case .success(let seen):
                records[outcome.index].blind = 0
                tell(seen.remarks, of: outcome)
                let isRight = seen.split?.isNearly(split) == true
                if isRight { (records[outcome.index].surrender, records[outcome.index].told) = (nil, nil) }
                if !isRight { isWhole = false }
                if absent.contains(outcome.index) || (!isRight && mayCorrect(outcome, seen.split, split)) {
                    wrong.append(outcome.index)
                }
            }
        }
        if !isWhole, let recalled = await recalled() { return recalled }
        return wrong.isEmpty ? .over : await correct(wrong, to: split)
    }

    /// What a person decided is not put right.
    private func recalled() async -> Ending? {
        guard let recall = await fleet.recall(of: token) else { return nil }
        note(recall.note)
        return .recalled(recall.text)
    }

    private func missed(_ failed: BalancerFleet.Failed, _ split: Split) {
        if failed.isUnreachable, fleet.whenUnreachable == .proceed { return fleet.roll.leaveOut(failed) }
        records[failed.index].blind += 1
        records[failed.index].reason = failed.line
        if records[failed.index].blind == Self.patience {
            say(
                "\(failed.line)\nWhether it still has \(split) is not known",
                of: failed.index,
                topic: "balancer"
            )
        }
    }

    private func tell(_ remarks: [String], of outcome: BalancerFleet.Outcome<BalancerObservation>) {
        for remark in remarks where !records[outcome.index].remarks.contains(remark) {
            note(Note(topic: "remark", text: "\(outcome.name): \(remark)", facts: ["balancer": outcome.name]))
        }
        records[outcome.index].remarks = Set(remarks)
    }

    /// Gives up what has been put right too often.
    private func mayCorrect(
        _ outcome: BalancerFleet.Outcome<BalancerObservation>,
        _ found: Split?,
        _ split: Split
    ) -> Bool {
        let index = outcome.index
        guard records[index].surrender == nil else { return false }
        let now = clock.now()
        records[index].corrections.removeAll { now.since($0) >= Self.limitSpan }
        guard records[index].corrections.count >= Self.limit else { return true }
        let seen = found?.description ?? "neither environment"
        surrender(
            "\(outcome.name) has lost the split \(Self.limit) times within a minute: it should be \(split),"
                + " found \(seen)\nFind out what changes it, then go on: bgdeploy resume",
            at: index
        )
        return false
    }

    private func correct(_ wrong: [Int], to split: Split) async -> Ending {
        isCorrecting = true
        defer { isCorrecting = false }
        for outcome in await fleet.correct(to: split, at: wrong, token: token, stable: stable) {
            let index = outcome.index
            switch outcome.result {
            case .success(.superseded): continue
            case .success(.needless): fleet.roll.welcome(index, at: split)
            case .success(.made(let found)):
                fleet.roll.welcome(index, at: split)
                records[index].told = nil
                records[index].corrections.append(clock.now())
                let had = found?.description ?? "neither environment"
                say("\(outcome.name) had \(had) instead of \(split): put right", of: index, topic: "drift")
            case .failure(let error):
                if case .fenced = error { return await recalled() ?? .fenced }
                failed(outcome, error, split)
            }
        }
        return .over
    }

    private func failed(
        _ outcome: BalancerFleet.Outcome<BalancerFleet.Correction>,
        _ error: LoadBalancerError,
        _ split: Split
    ) {
        let index = outcome.index
        if case .drifted = error {
            let advice = "Put the file right, or keep the change, then go on: bgdeploy resume"
            return surrender("\(outcome.name): \(error.message)\n\(advice)", at: index)
        }
        if case .unreachable = error, let failed = outcome.failed { return missed(failed, split) }
        records[index].corrections.append(clock.now())
        say(
            "\(outcome.name) has lost \(split), and could not be put right: \(error.message)",
            of: index,
            topic: "drift"
        )
    }

    // MARK: telling

    private func surrender(_ reason: String, at index: Int) {
        records[index].surrender = reason
        say(reason, of: index, topic: "drift")
    }

    /// Once for as long as it is the same.
    private func say(_ text: String, of index: Int, topic: String) {
        guard records[index].told != text else { return }
        records[index].told = text
        note(Note(topic: topic, text: text, facts: ["balancer": fleet.balancers[index].name]))
    }
}
