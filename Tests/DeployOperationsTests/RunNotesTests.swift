import DeployCore
import DeployOperations
import DeployPorts
import Foundation
import Testing

/// Notes reach the journal whatever becomes of the run.
struct RunNotesTests {
    private let folder = NSTemporaryDirectory() + "notes-\(UUID().uuidString)"
    private let desk: Desk
    private let store: any StateStore
    private static let cause = [Remark(.cause, "a lost index")]

    init() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let state = try StateLocation("sqlite:\(folder)/s.db", environment: [:], isRoot: false)
        desk = Desk(actor: Actor("ana"), environment: [:], state: state, clock: SystemClock())
        store = try await state.open()
    }

    private var notes: RunNotes { RunNotes(desk: desk, store: store) }

    @Test func `after the end it is written here, and the chain is whole`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await run(isOver: true)
        try await notes.add(Self.cause, to: run)
        let after = try await again(run)
        #expect(after.state == run.state)
        #expect(RunRemarks(after.entries).texts(.cause).map(\.by) == [Actor("ana")])
        #expect(try await store.verify().breach == nil)
        #expect(try await store.lease(on: "shop") == nil)
        #expect(after.updatedAt == run.updatedAt)
    }

    @Test func `a run that nobody drives takes it too, and stays as it is`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await run(isOver: false)
        #expect(!run.state.isSettled)
        try await notes.add(Self.cause, to: run)
        #expect(try await again(run).state == run.state)
        #expect(try await written(run) == ["a lost index"])
    }

    @Test func `the process that drives the run writes it, once`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await run(isOver: false)
        let lease = try await hold()
        async let driver: Void = takeOne(from: run, lease)
        try await notes.add(Self.cause, to: run)
        try await driver
        let entry = try #require(try await again(run).entries.last)
        #expect(entry.fence == lease.fence)
        #expect(try await written(run) == ["a lost index"])
    }

    @Test func `a run that is over takes it while a later one is driven`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (old, new) = (try await run(isOver: true), try await run(isOver: false))
        let lease = try await hold()
        try await notes.add(Self.cause, to: old)
        #expect(try await written(old) == ["a lost index"])
        // At once, not when the holder has gone.
        #expect(try await again(old).entries.last?.fence == lease.fence)
        #expect(try await store.postedCommands(of: old.record.id).isEmpty)
        #expect(try await written(new) == [])
    }

    @Test func `a split that was set by hand is still known behind a note`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await run(isOver: true)
        let lease = try await hold()
        let set = Note(topic: Note.trafficSet, text: "set", facts: [Note.candidateTenths: "250"])
        _ = try await store.append(
            RunEvent(at: desk.clock.now(), .noted(note: set)),
            effects: [],
            to: run.record.id,
            lease: lease
        )
        try await store.release(lease)
        try await notes.add(Self.cause, to: run)
        #expect(try await again(run).settledSplit?.share(of: EnvironmentName("green")) == Percent(25))
    }

    @Test func `actions are numbered, and one that is not there cannot be done`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await run(isOver: true)
        await #expect(throws: CommandFailure.self) { try await notes.add([Remark(.done, "1")], to: run) }
        let actions = [Remark(.action, "a", owner: "bo", due: "2026-12-20"), Remark(.action, "b")]
        try await notes.add(actions, to: run)
        try await notes.add([Remark(.done, "2")], to: try await again(run))
        let kept = RunRemarks(try await again(run).entries).actions
        #expect(kept.map(\.isDone) == [false, true])
        #expect(kept.map(\.entry.remark.terms) == [" (owner: bo, due: 2026-12-20)", ""])
        await #expect(throws: CommandFailure.self) {
            try await notes.add([Remark(.done, "3")], to: try await again(run))
        }
    }

    @Test func `what cannot be written down is refused`() {
        func refusal(_ texts: [Remark.Kind: [String]], owner: String? = nil, due: String? = nil) -> String? {
            do throws(CommandFailure) {
                _ = try RemarkDraft(texts: texts, owner: owner, due: due).remarks()
                return nil
            } catch {
                return error.message
            }
        }
        #expect(refusal([:])?.hasPrefix("nothing to write down") == true)
        #expect(refusal([.cause: [" \n"]]) == "cause: the text is empty")
        #expect(refusal([.cause: ["x"]], owner: "bo")?.hasPrefix("owner and due") == true)
        #expect(refusal([.action: ["x"]], due: "2026-02-30")?.contains("`2026-02-30`") == true)
        #expect(refusal([.action: ["x"]], owner: "bo", due: "2026-02-28") == nil)
    }

    // MARK: parts

    private func hold() async throws -> Lease {
        let holder = LeaseHolder(
            host: "elsewhere",
            boot: "",
            process: 1,
            startTicks: 1,
            actor: Actor("bo"),
            purpose: "run"
        )
        return try await store.acquireLease(
            on: "shop",
            for: holder,
            takeover: .onlyIfFree,
            floor: 0,
            at: desk.clock.now()
        )
    }

    /// One that waits at an approval, or one that has nothing to do any more.
    private func run(isOver: Bool) async throws -> RecordedRun {
        let lease = try await hold()
        let gate = Step(id: StepID(rawValue: "validate/1"), title: "gate", kind: .approval(people: 1))
        let plan = Plan(
            service: "shop",
            version: try #require(Version(rawValue: "v1")),
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: isOver ? [] : [.steps(phase: StepsPhase(.validate, groups: [[gate]]))]
        )
        let event = RunEvent(at: desk.clock.now(), .started(plan: plan))
        let effects = Reducer.step(RunState(plan: plan), event).effects
        let id = RunID.new(at: desk.clock.now())
        _ = try await store.open(id, event: event, effects: effects, playbook: "", lease: lease)
        try await store.release(lease)
        return try await RunHistory(store: store, service: "shop").run(id.rawValue)
    }

    private func again(_ run: RecordedRun) async throws -> RecordedRun {
        try await RunHistory(store: store, service: "shop").run(run.record.id.rawValue)
    }

    private func written(_ run: RecordedRun) async throws -> [String] {
        RunRemarks(try await again(run).entries).texts(.cause).map(\.remark.text)
    }

    /// As an engine does it: the next command out of the box, into the journal.
    private func takeOne(from run: RecordedRun, _ lease: Lease) async throws {
        while true {
            if let next = try await store.postedCommands(of: run.record.id).first {
                let posted = next.posted
                let kind = RunEvent.Kind.commanded(
                    command: posted.command,
                    by: posted.by,
                    reason: posted.reason
                )
                _ = try await store.append(
                    RunEvent(at: desk.clock.now(), kind),
                    effects: [],
                    to: run.record.id,
                    lease: lease,
                    answering: next.id
                )
                return
            }
            try await desk.clock.sleep(for: .milliseconds(20))
        }
    }
}
