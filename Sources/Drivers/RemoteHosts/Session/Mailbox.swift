import ChildProcesses
import Dispatch
import Synchronization

/// What becomes of a line that was sent.
enum Letter: Sendable {
    case line([UInt8])
    case reply(HostAnswer)
    /// Nothing came in time.
    case late
    case ended(Dialogue.Ending)
}

/// Brings each answer to whoever waits for it.
final class Mailbox: Sendable {
    private struct State {
        var waiting: [Int: CheckedContinuation<Letter, Never>] = [:]
        var count = 0
        var hasGreeted = false
        var ending: Dialogue.Ending?
    }

    private let state = Mutex(State())

    /// The number of the greeting, which is the first line of the host.
    static let greeting = 0

    var ending: Dialogue.Ending? { state.withLock { $0.ending } }

    func nextNumber() -> Int {
        state.withLock { state in
            state.count += 1
            return state.count
        }
    }

    /// Takes a line of the host; one that is no answer ends everything.
    func take(_ line: [UInt8]) {
        let isGreeting = state.withLock { state in
            defer { state.hasGreeted = true }
            return !state.hasGreeted
        }
        if isGreeting {
            give(.line(line), to: Self.greeting)
        } else if let reply = WireLine.decode(HostReply.self, from: line) {
            give(.reply(reply.answer), to: reply.number)
        } else {
            end(Dialogue.Ending(status: nil, errors: "the host sent a line that is no answer"))
        }
    }

    func end(_ ending: Dialogue.Ending) {
        let waiting = state.withLock { state in
            state.ending = state.ending ?? ending
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for one in waiting { one.resume(returning: .ended(ending)) }
    }

    /// Has `send` carried out and waits for what comes back under `number`.
    func answer(
        to number: Int,
        within milliseconds: Int,
        on queue: DispatchQueue,
        _ send: @escaping @Sendable () -> Void
    ) async -> Letter {
        await withCheckedContinuation { continuation in
            let ending = state.withLock { state -> Dialogue.Ending? in
                if state.ending == nil { state.waiting[number] = continuation }
                return state.ending
            }
            if let ending { return continuation.resume(returning: .ended(ending)) }
            queue.async(execute: send)
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
                self.give(.late, to: number)
            }
        }
    }

    private func give(_ letter: Letter, to number: Int) {
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: letter)
    }
}
