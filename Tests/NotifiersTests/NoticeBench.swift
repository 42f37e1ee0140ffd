import DeployCore
import DeployPorts
import DeployTestKit
import Synchronization

@testable import Notifiers

/// A run whose journal the tests write, an outbox beside it, and a clock that they move.
final class NoticeBench: Sendable {
    static let canary = "canary-5ecret/+&\"x"

    let clock = ManualClock()
    let records = MemoryRecords()
    let runs = MemoryRunStore()
    let run = RunID(rawValue: "01JD00000000000000000000AA")
    let channels: NoticeBook
    private let lease: Lease
    private let state: Mutex<RunState>

    init(_ book: NoticeBook) async throws {
        var book = book
        book.values.secrets["secret.CANARY"] = Self.canary
        channels = book
        let plan = Self.plan
        let holder = LeaseHolder(
            host: "here",
            boot: "b",
            process: 1,
            startTicks: 1,
            actor: Actor("ana"),
            purpose: "run"
        )
        lease = try await runs.acquireLease(
            on: plan.service,
            for: holder,
            takeover: .onlyIfFree,
            floor: 0,
            at: clock.now()
        )
        let event = RunEvent(at: clock.now(), .started(plan: plan))
        let transition = Reducer.step(RunState(plan: plan), event)
        state = Mutex(transition.state)
        _ = try await runs.open(run, event: event, effects: transition.effects, playbook: "", lease: lease)
    }

    /// The same journal and records, as another process has them.
    var outbox: Outbox { outbox(by: clock) }

    func outbox(by clock: any Timekeeper) -> Outbox {
        Outbox(records: records, runs: runs, clock: clock, jitter: { 0 }) {
            [channels] _ throws(BookUnavailable) in
            channels
        }
    }

    func append(_ kind: RunEvent.Kind) async throws {
        clock.advance(by: .seconds(1))
        let event = RunEvent(at: clock.now(), kind)
        let transition = state.withLock { state in
            let transition = Reducer.step(state, event)
            state = transition.state
            return transition
        }
        _ = try await runs.append(event, effects: transition.effects, to: run, lease: lease)
    }

    /// Goes on as a good world would, until `isDone` says so of the state.
    func goOn(until isDone: (RunState) -> Bool = { $0.isSettled }) async throws {
        while let next = state.withLock({ $0.pending.first }), !isDone(state.withLock { $0 }) {
            switch next.effect {
            case .watch: try await append(.judged(effect: next.id, verdict: .passed(summary: "well")))
            case .approval:
                try await append(.commanded(command: .approve, by: Actor("ana"), reason: nil))
            default: try await append(.succeeded(effect: next.id, captures: [:], summary: nil))
            }
        }
    }

    /// To the watch, and back by its verdict.
    func goBack(reason: String) async throws {
        try await goOn { state in
            if case .watch = state.pending.first?.effect { true } else { false }
        }
        if let watch = state.withLock({ $0.pending.first }) {
            try await append(.judged(effect: watch.id, verdict: .rollBack(reason: reason)))
        }
        try await goOn()
    }

    func enqueue() async throws { try await outbox.enqueue(run, channels) }

    /// What waits, in order.
    func waiting() async throws -> [OutboxRecord] { try await outbox.waiting(of: run) }

    static let plan = Plan(
        service: "mina",
        version: Version(rawValue: "v2.5.0") ?? { preconditionFailure("a valid version") }(),
        stable: EnvironmentName("blue"),
        candidate: EnvironmentName("green"),
        phases: [
            .steps(
                phase: StepsPhase(
                    .validate,
                    groups: [
                        [
                            Step(
                                id: StepID(rawValue: "validate/1"),
                                title: "approval",
                                kind: .approval(people: 1),
                                deadline: .minutes(60)
                            )
                        ]
                    ]
                )
            ),
            .shift(phase: SwitchPhase(shares: [.full])),
            .monitor(phase: MonitorPhase(length: .minutes(15))),
        ]
    )
}

extension NoticeBook {
    /// One channel of `kind`, made of `keys` as a playbook has them.
    static func one(
        _ kind: String,
        _ keys: [(String, String)],
        on topics: [NoticeTopic],
        escalations: [NoticeChannel.Escalation] = [],
        caFile: String? = nil,
        secrets: [String: String] = [:]
    ) throws -> NoticeBook {
        let channel = try NoticeChannel.made(
            kind,
            keys,
            on: topics,
            escalations: escalations,
            caFile: caFile
        )
        return NoticeBook(channels: [channel], values: Values(plain: ["version": "v2.5.0"], secrets: secrets))
    }
}

extension NoticeChannel {
    struct Unreadable: Error { let messages: [String] }

    static func made(
        _ kind: String,
        _ keys: [(String, String)],
        on topics: [NoticeTopic],
        escalations: [Escalation] = [],
        caFile: String? = nil
    ) throws -> NoticeChannel {
        let diagnostics = Diagnostics()
        let entries = keys.map { key, text in
            Parameter.Entry(
                key: key,
                keyPosition: .unknown,
                value: .scalar(Parameter.Scalar(text: text, isQuoted: true, position: .unknown))
            )
        }
        var reader = MapReader(.map(entries, position: .unknown), "a channel", diagnostics: diagnostics)
        let found = NotifierKinds.all(caFile: caFile).first { $0.key == kind }
        let notifier = found?.make(&reader)
        reader.finish()
        guard let notifier, diagnostics.all.isEmpty else {
            throw Unreadable(messages: diagnostics.all.map(\.message))
        }
        return NoticeChannel(
            name: kind,
            notifier: notifier,
            topics: Set(topics),
            escalations: escalations
        )
    }
}
