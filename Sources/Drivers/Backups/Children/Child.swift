import ChildProcesses
import Glibc
import Synchronization

/// A program that reads from us and that we read from, and that does not outlive us.
///
/// When this process dies its input ends and nobody takes its output, so that `psql` leaves and `pg_dump` ends
/// with its next write.
final class Child: Sendable {
    enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
        case timedOut
        case cancelled
    }

    /// Of what it says on its standard error, the end is kept.
    private static let complaintLimit = 1 << 14
    private static let grace = Duration.seconds(2)

    private struct State {
        var complaints: [UInt8] = []
        var ending: Ending?
    }

    private let process: pid_t
    /// Our end of its standard input; −1 where it reads a file.
    private let input: Int32
    private let output: Int32
    private let errors: Int32
    private let state = Mutex(State())

    init(_ command: ChildCommand) throws(ShortCommandError) {
        let streams = try ChildStreams(command.input)
        defer { ChildStreams.close(streams.theirs) }
        do throws(ShortCommandError) {
            process = try command.spawn(streams)
        } catch {
            ChildStreams.close(streams.ours)
            throw error
        }
        (input, output, errors) = (streams.ours[0], streams.ours[1], streams.ours[2])
    }

    deinit {
        end()
        ChildStreams.close([input, output, errors])
    }

    /// The last lines of its standard error.
    var complaints: String {
        let bytes = state.withLock(\.complaints)
        return String(decoding: bytes, as: UTF8.self)
            .split(whereSeparator: \.isNewline).suffix(12).joined(separator: "\n")
    }

    /// Writes to its standard input; `false` when it reads no more.
    func write(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // A socket and not a pipe, since only send(2) can do without a SIGPIPE.
            let count = rest.withUnsafeBytes { send(input, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
        }
        return true
    }

    /// Gives its output to `take` as it comes, until it has ended.
    ///
    /// At `limit`, and soon after `stop`, it is ended with all that it started. `nil` when `take` had enough: then
    /// it still runs.
    func pump(
        until limit: ContinuousClock.Instant,
        _ stop: StopSign,
        _ take: (ArraySlice<UInt8>) -> Bool
    ) -> Ending? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var open = (output: true, errors: true)
        while true {
            if stop.isSet { return end(as: .cancelled) }
            guard ContinuousClock.now < limit else { return end(as: .timedOut) }
            var polls = [
                pollfd(fd: open.output ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: open.errors ? errors : -1, events: Int16(POLLIN), revents: 0),
            ]
            // In slices: nothing wakes us when the child ends while something else holds its output.
            guard poll(&polls, 2, open.output || open.errors ? 50 : 5) > 0 else {
                if let ending = reap() { return ending }
                continue
            }
            if polls[1].revents != 0 { open.errors = hear(&buffer) }
            guard polls[0].revents != 0 else { continue }
            let count = read(output, &buffer, buffer.count)
            if count > 0 {
                guard take(buffer[..<count]) else { return nil }
            } else if count == 0 || errno != EINTR {
                open.output = false
            }
        }
    }

    /// Ends it with all that it started, if it still runs: its input ends first, so that `psql` may say goodbye.
    func end() {
        guard state.withLock({ $0.ending == nil }) else { return }
        if input >= 0 {
            shutdown(input, Int32(SHUT_WR))
            if isGone(within: .milliseconds(500)) { return }
        }
        kill(-process, SIGTERM)
        if isGone(within: Self.grace) { return }
        kill(-process, SIGKILL)
        _ = isGone(within: Self.grace)
    }

    private func end(as ending: Ending) -> Ending {
        end()
        return ending
    }

    private func isGone(within span: Duration) -> Bool {
        let limit = ContinuousClock.now + span
        while reap() == nil {
            guard ContinuousClock.now < limit else { return false }
            poll(nil, 0, 5)
        }
        return true
    }

    /// Takes what there is of its standard error; `false` at the end of it.
    private func hear(_ buffer: inout [UInt8]) -> Bool {
        let count = read(errors, &buffer, buffer.count)
        guard count > 0 else { return count < 0 && errno == EINTR }
        state.withLock { state in
            state.complaints += buffer[..<count]
            state.complaints.removeFirst(max(0, state.complaints.count - Self.complaintLimit))
        }
        return true
    }

    /// How it ended; `nil` while it runs.
    private func reap() -> Ending? {
        let ending = state.withLock { state -> Ending? in
            if let ending = state.ending { return ending }
            var word: Int32 = 0
            guard waitpid(process, &word, WNOHANG) == process else { return nil }
            state.ending = word & 0x7f == 0 ? .exited((word >> 8) & 0xff) : .signalled(word & 0x7f)
            return state.ending
        }
        guard ending != nil else { return nil }
        var buffer = [UInt8](repeating: 0, count: 1 << 12)
        var entry = pollfd(fd: errors, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) > 0, hear(&buffer) {}
        return ending
    }
}

/// Set once, from any thread.
final class StopSign: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock { $0 } }

    func set() { flag.withLock { $0 = true } }
}
