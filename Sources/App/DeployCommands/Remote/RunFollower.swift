import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts

/// Shows a run that a service drives, for as long as it takes.
///
/// A lost connection, and a service that is being restarted, are waited for: the run goes on without us.
struct RunFollower: Sendable {
    let desk: RemoteDesk
    let run: RunID

    private static let pace = Span.milliseconds(500)
    private static let longestPause = Span.seconds(5)

    /// Shows the entries after `sequence` to `observer`, until the run `isOver`; returns where it stands then.
    func follow(
        after sequence: Int,
        _ observer: (any RunObserver)?,
        until isOver: (RunState, _ lastEvent: Int) -> Bool
    ) async throws(CommandFailure) -> RunState {
        var state: RunState?
        var seen = 0
        while true {
            for entry in try await patiently({ () async throws(RemoteFailure) in
                try await desk.store.journal(of: run, after: seen)
            }) {
                let isFirst = state == nil
                if case .started(let plan) = entry.event.kind, isFirst { state = RunState(plan: plan) }
                guard let before = state else { throw foreign(entry) }
                let transition = Reducer.step(before, entry.event)
                guard transition.effects == entry.effects else { throw foreign(entry) }
                if entry.sequence > sequence {
                    observer?.recorded(entry, before: isFirst ? nil : before, after: transition.state)
                }
                state = transition.state
                seen = entry.sequence
            }
            if let state, isOver(state, seen) { return state }
            try await sleep(Self.pace)
        }
    }

    /// Does `work` again and again while the service is away, and says so once.
    func patiently<Value>(
        _ work: () async throws(RemoteFailure) -> Value
    ) async throws(CommandFailure) -> Value {
        var pause = Self.pace
        var isAway = false
        while true {
            do throws(RemoteFailure) {
                let value = try await work()
                if isAway { desk.tell("\(desk.server.address.text) answers again") }
                return value
            } catch {
                guard error.isPassing else { throw left(error.failure) }
                if !isAway {
                    let what = error.failure.message.split(separator: "\n").first ?? ""
                    desk.tell("\(what)\nThe run goes on without us; trying again until the service is back")
                }
                isAway = true
                try await sleep(error.pause ?? pause)
                pause = min(Span(milliseconds: pause.milliseconds * 2), Self.longestPause)
            }
        }
    }

    private func sleep(_ span: Span) async throws(CommandFailure) {
        do {
            try await desk.clock.sleep(for: span)
        } catch {
            throw CommandFailure(.interrupted, "stopped")
        }
    }

    /// Why it is not followed any more, and that it goes on.
    private func left(_ failure: CommandFailure) -> CommandFailure {
        CommandFailure(
            failure.status,
            "\(failure.message)\nRun \(run) is not followed any more, and goes on at the service"
        )
    }

    private func foreign(_ entry: JournalEntry) -> CommandFailure {
        left(
            CommandFailure(
                .unavailable,
                """
                the service decides otherwise than this bgdeploy at event \(entry.sequence): they are not the same \
                version
                Install here the version that runs there; `bgdeploy status` shows the run all the same
                """
            )
        )
    }
}
