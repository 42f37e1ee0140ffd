package import DeployCore
package import DeployPorts

/// What every ``RunStore`` promises, checked against a real one.
///
/// Each promise works on a service and runs of its own, so that one journal serves them all.
package struct RunStoreContract: Sendable {
    package typealias Liveness = @Sendable (LeaseHolder) -> Bool?

    private let open: @Sendable (@escaping Liveness) async throws -> any RunStore
    private let start: Timestamp

    /// `open` opens the same, at first empty, journal at each call, with the liveness that it is given.
    package init(
        startingAt start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000),
        open: @escaping @Sendable (@escaping Liveness) async throws -> any RunStore
    ) {
        self.start = start
        self.open = open
    }

    /// The promises that the store does not keep, in words; empty when it keeps all.
    package func brokenPromises() async throws -> [String] {
        let store = try await open(Self.liveness)
        var broken = Broken()
        try await entriesComeBack(store, &broken)
        try await runsAreFound(store, &broken)
        try await staleLeasesWriteNothing(store, &broken)
        try await livingHoldersKeepTheirLease(store, &broken)
        try await fencesNeverFall(store, &broken)
        try await leasesLastWhileRenewed(store, &broken)
        try await commandsAreAnsweredOnce(store, &broken)
        try await commandsWaitInOrder(store, &broken)
        let report = try await store.verify()
        broken.unless(report.breach == nil, "the chain is whole: \(report.breach ?? "")")
        broken.unless(report.entryCount == 12, "verify counts all \(report.entryCount) entries")
        return broken.promises
    }

    // MARK: promises

    private func entriesComeBack(_ store: any RunStore, _ broken: inout Broken) async throws {
        let lease = try await acquire("journal", Self.living, store)
        let run = RunID(rawValue: "RUNJOURNAL0000000000000001")
        var written = [try await begin(run, "journal", lease, store, playbook: "service: journal\n# ü€\n")]
        for number in 1...5 {
            let effect = PendingEffect(id: number, effect: .route(candidate: .full))
            let event = RunEvent(
                at: start.advanced(by: .seconds(Int64(number))),
                .succeeded(effect: number, captures: ["a/b": "\"ü\"\n"], summary: nil)
            )
            written.append(try await store.append(event, effects: [effect], to: run, lease: lease))
        }
        let again = try await open(Self.liveness)
        let read = try await again.entries(of: run, after: 0)
        broken.unless(read == written, "entries come back as they were written, after opening anew")
        broken.unless(read.map(\.sequence) == Array(1...6), "sequence numbers count from 1 without gaps")
        broken.unless(Set(read.map(\.hash)).count == 6, "every entry has a hash of its own")
        let tail = try await store.entries(of: run, after: 4)
        broken.unless(tail == Array(written.suffix(2)), "entries after a number are those above it")
        let text = try await again.playbook(of: run)
        broken.unless(text == "service: journal\n# ü€\n", "the playbook's text comes back")
        let none = try await store.entries(of: RunID(rawValue: "NOSUCHRUN"), after: 0)
        broken.unless(none.isEmpty, "an unknown run has no entries")
    }

    private func runsAreFound(_ store: any RunStore, _ broken: inout Broken) async throws {
        let lease = try await acquire("found", Self.living, store)
        let first = RunID(rawValue: "RUNFOUND000000000000000001")
        let second = RunID(rawValue: "RUNFOUND000000000000000002")
        _ = try await begin(first, "found", lease, store)
        _ = try await begin(second, "found", lease, store)
        let runs = try await store.runs(of: "found", limit: 10).map(\.id)
        broken.unless(runs == [second, first], "runs come newest first")
        let newest = try await store.runs(of: nil, limit: 1).map(\.id)
        broken.unless(newest == [second], "no more runs than asked for, of all services")
        let older = try await store.runs(of: "found", before: second, limit: 10).map(\.id)
        broken.unless(older == [first], "runs before one are those older than it")
        let others = try await store.runs(of: nil, before: first, limit: 10).map(\.service)
        broken.unless(others == ["journal"], "runs before one are those of every service")
        let few = try await store.runs(of: nil, before: second, limit: 1).map(\.id)
        broken.unless(few == [first], "no more runs before one than asked for")
        let unknown = try await store.runs(of: nil, before: RunID(rawValue: "NOSUCHRUN"), limit: 10)
        broken.unless(unknown.isEmpty, "no run is older than one that is not there")
        let whole = try await store.run(first.rawValue)
        let record = RunRecord(id: first, service: "found", version: Self.version, startedAt: start)
        broken.unless(whole == record, "a run is found by its identity")
        let prefixed = try await store.run("RUNJOURNAL")
        broken.unless(prefixed?.service == "journal", "a run is found by a prefix of its own")
        let ambiguous = try await store.run("RUNFOUND")
        broken.unless(ambiguous == nil, "a prefix of two runs finds none")
        let missing = try await store.run("X")
        broken.unless(missing == nil, "an unknown identity finds none")
    }

    private func staleLeasesWriteNothing(_ store: any RunStore, _ broken: inout Broken) async throws {
        let old = try await acquire("stale", Self.living, store)
        let run = RunID(rawValue: "RUNSTALE000000000000000001")
        _ = try await begin(run, "stale", old, store)
        let new = try await store.acquireLease(
            on: "stale",
            for: Self.other,
            takeover: .byForce,
            floor: 0,
            at: start
        )
        broken.unless(new.fence > old.fence, "a takeover by force has a higher fencing number")
        let event = RunEvent(at: start, .resumed(by: Actor("ana")))
        for use in ["append", "renew", "open", "answer"] {
            let id = use == "answer" ? try await store.post(Self.command(.approve), to: run) : 0
            let error = await error {
                switch use {
                case "append": _ = try await store.append(event, effects: [], to: run, lease: old)
                case "renew": try await store.renew(old, at: start)
                case "answer": try await store.answer(id, refusal: nil, lease: old)
                default: _ = try await begin(RunID(rawValue: "RUNSTALE2"), "stale", old, store)
                }
            }
            broken.unless(error == .leaseLost, "\(use) under a replaced lease says that it is lost")
        }
        try await store.release(old)
        let kept = try await store.lease(on: "stale")
        broken.unless(kept == new, "releasing a replaced lease leaves its successor's alone")
        let entry = try await store.append(event, effects: [], to: run, lease: new)
        broken.unless(entry.sequence == 2, "what a replaced lease tried left nothing behind")
        broken.unless(entry.fence == new.fence, "an entry names its writer's fencing number")
        try await store.release(new)
        let late = await error { _ = try await store.append(event, effects: [], to: run, lease: new) }
        broken.unless(late == .leaseLost, "a released lease writes nothing")
        let foreign = try await acquire("foreign", Self.living, store)
        let wrong = await error { _ = try await store.append(event, effects: [], to: run, lease: foreign) }
        broken.unless(wrong == .leaseLost, "a lease on another service writes nothing")
    }

    private func livingHoldersKeepTheirLease(_ store: any RunStore, _ broken: inout Broken) async throws {
        for (name, holder) in [("living", Self.living), ("remote", Self.remote)] {
            let held = try await acquire(name, holder, store)
            let refused = await error { _ = try await acquire(name, Self.other, store) }
            broken.unless(refused == .held(held), "a \(name) holder within its time is not replaced")
            let now = start.advanced(by: Lease.length)
            let next = try await store.acquireLease(
                on: name,
                for: Self.other,
                takeover: .onlyIfFree,
                floor: 0,
                at: now
            )
            broken.unless(next.fence > held.fence, "a \(name) holder whose time is over is replaced")
            broken.unless(next.expires == now.advanced(by: Lease.length), "a lease lasts its length")
        }
        let dead = try await acquire("dead", Self.dead, store)
        let heir = try await acquire("dead", Self.other, store)
        broken.unless(heir.fence > dead.fence, "a dead holder is replaced at once")
        let known = try await store.lease(on: "dead")
        broken.unless(known == heir, "the lease is read as it was written")
    }

    private func fencesNeverFall(_ store: any RunStore, _ broken: inout Broken) async throws {
        var last = 0
        for round in 1...4 {
            let again = try await open(Self.liveness)
            let lease = try await acquire("fence", Self.living, again)
            broken.unless(lease.fence > last, "fencing numbers rise, round \(round)")
            last = lease.fence
            try await again.release(lease)
            try await again.release(lease)
            let free = try await store.lease(on: "fence")
            broken.unless(free == nil, "a released service has no holder")
        }
        let lease = try await store.acquireLease(
            on: "fence",
            for: Self.living,
            takeover: .onlyIfFree,
            floor: 5000,
            at: start
        )
        broken.unless(lease.fence == 5001, "the fencing number is above the floor")
        try await store.release(lease)
        let next = try await acquire("fence", Self.living, store)
        broken.unless(next.fence == 5002, "the fencing number stays above an earlier floor")
    }

    private func leasesLastWhileRenewed(_ store: any RunStore, _ broken: inout Broken) async throws {
        let lease = try await acquire("renewed", Self.remote, store)
        let later = start.advanced(by: .seconds(10))
        try await store.renew(lease, at: later)
        let renewed = try await store.lease(on: "renewed")
        broken.unless(
            renewed?.expires == later.advanced(by: Lease.length),
            "renewing lengthens from the given time"
        )
        let now = start.advanced(by: .seconds(20))
        let refused = await error {
            _ = try await store.acquireLease(
                on: "renewed",
                for: Self.other,
                takeover: .onlyIfFree,
                floor: 0,
                at: now
            )
        }
        guard case .held = refused else { return broken.unless(false, "a renewed lease is held") }
    }

    private func commandsAreAnsweredOnce(_ store: any RunStore, _ broken: inout Broken) async throws {
        let lease = try await acquire("answers", Self.living, store)
        let run = RunID(rawValue: "RUNANSWERS0000000000000001")
        _ = try await begin(run, "answers", lease, store)
        let posted = Self.command(.rollback(gradual: true))
        let id = try await open(Self.liveness).post(posted, to: run)
        let owner = try await store.run(ofCommand: id)
        broken.unless(owner == run, "a command tells the run that it was put to")
        let nobody = try await store.run(ofCommand: id + 1000)
        broken.unless(nobody == nil, "a number that no command has is of no run")
        let unanswered = try await store.reply(to: id)
        broken.unless(unanswered == nil, "a waiting command has no reply")
        let waiting = try await store.postedCommands(of: run)
        broken.unless(
            waiting == [PostedCommand.Waiting(id: id, posted: posted)],
            "a command from another process waits in the box as it was posted"
        )
        try await store.answer(id, refusal: "not now", lease: lease)
        try await store.answer(id, refusal: nil, lease: lease)
        let reply = try await open(Self.liveness).reply(to: id)
        broken.unless(reply == PostedCommand.Reply(refusal: "not now"), "the first answer stays")
    }

    private func commandsWaitInOrder(_ store: any RunStore, _ broken: inout Broken) async throws {
        let lease = try await acquire("box", Self.living, store)
        let run = RunID(rawValue: "RUNBOX00000000000000000001")
        _ = try await begin(run, "box", lease, store)
        let commands: [Command] = [.pause, .proceed, .promote(full: true), .abort]
        var ids: [Int] = []
        for command in commands { ids.append(try await store.post(Self.command(command), to: run)) }
        try await store.answer(ids[1], refusal: nil, lease: lease)
        let left = try await store.postedCommands(of: run)
        broken.unless(left.map(\.id) == [ids[0], ids[2], ids[3]], "unanswered commands wait, oldest first")
        let accepted = try await store.reply(to: ids[1])
        broken.unless(accepted == PostedCommand.Reply(refusal: nil), "an accepted command has no refusal")
        let lost = await error {
            _ = try await store.post(Self.command(.abort), to: RunID(rawValue: "NOSUCHRUN"))
        }
        broken.unless(lost != nil, "a command to an unknown run is refused")
        let again = await error { _ = try await begin(run, "box", lease, store) }
        broken.unless(again != nil, "an identity is not taken twice")
    }
}

extension RunStoreContract {
    private struct Broken {
        var promises: [String] = []

        mutating func unless(_ holds: Bool, _ promise: String) {
            if !holds { promises.append(promise) }
        }
    }

    /// The error of `body`; `nil` when it had none.
    private func error(_ body: () async throws -> Void) async -> RunStoreError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? RunStoreError ?? .unavailable("\(error)")
        }
    }

    private func acquire(
        _ service: String,
        _ holder: LeaseHolder,
        _ store: any RunStore
    ) async throws -> Lease {
        try await store.acquireLease(on: service, for: holder, takeover: .onlyIfFree, floor: 0, at: start)
    }

    private func begin(
        _ run: RunID,
        _ service: String,
        _ lease: Lease,
        _ store: any RunStore,
        playbook: String = "a"
    ) async throws -> JournalEntry {
        let plan = Plan(
            service: service,
            version: Self.version,
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: [.shift(phase: .instant)]
        )
        let effect = PendingEffect(id: 1, effect: .route(candidate: .full))
        return try await store.open(
            run,
            event: RunEvent(at: start, .started(plan: plan)),
            effects: [effect],
            playbook: playbook,
            lease: lease
        )
    }

    private static let version: Version = {
        guard let version = Version(rawValue: "v2.5.0") else { preconditionFailure("a version") }
        return version
    }()

    private static func command(_ command: Command) -> PostedCommand {
        PostedCommand(
            command: command,
            by: Actor("ana@ci-7"),
            reason: "say \"why\"",
            at: Timestamp(milliseconds: 7)
        )
    }

    // MARK: holders

    private static let living = holder(1)
    private static let other = holder(2)
    private static let dead = holder(3)
    private static let remote = holder(4)

    private static func holder(_ process: Int) -> LeaseHolder {
        LeaseHolder(
            host: process == 4 ? "far" : "near",
            boot: "b",
            process: process,
            startTicks: 9,
            actor: Actor("ana"),
            purpose: "run v2.5.0"
        )
    }

    private static let liveness: Liveness = { holder in
        holder == remote ? nil : holder != dead
    }
}
