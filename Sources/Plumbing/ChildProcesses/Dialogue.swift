import CSpawn
import Glibc
import Synchronization

/// A child process that is spoken with: a line in, lines out, for as long as both want.
///
/// It has a process group of its own. Its input is closed when the dialogue is let go; a child that has not ended
/// two seconds later is killed.
package final class Dialogue: Sendable {
    /// How it ended.
    package struct Ending: Hashable, Sendable {
        /// `nil` when a signal ended it.
        package let status: Int32?
        /// The last of what it wrote to standard error, invalid UTF-8 repaired.
        package let errors: String

        package init(status: Int32?, errors: String) {
            self.status = status
            self.errors = errors
        }
    }

    private let core: Core

    /// Starts `arguments`.
    ///
    /// `take` gets every line of its output without the line's end, `end` the ending, once, after the last line;
    /// both on a thread of the dialogue's own. A longer line than `longestLine` ends the child.
    package init(
        _ arguments: [String],
        environment: [String: String],
        longestLine: Int,
        take: @escaping @Sendable ([UInt8]) -> Void,
        end: @escaping @Sendable (Ending) -> Void
    ) throws(ShortCommandError) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0, let ours = Descriptor(ends[0]),
            let theirs = Descriptor(ends[1]), let output = Pipe(), let errors = Pipe()
        else { throw .cannotStart(systemErrorText(errno)) }
        // A child that takes nothing must not hold the sender for ever.
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(ours.raw, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let process = try Spawn(arguments: arguments, environment: environment, folder: "/")
            .start(input: theirs.raw, output: output.writeEnd.raw, errors: errors.writeEnd.raw)
        core = Core(process, input: ours, output.intoReadEnd(), errors.intoReadEnd(), longestLine, take, end)
        core.begin()
    }

    deinit { core.close() }

    /// Hands the child `line` and a line's end; `false` when it does not take it, after which it is ended.
    ///
    /// Blocks for five seconds at most.
    package func send(_ line: [UInt8]) -> Bool { core.send(line + [UInt8(ascii: "\n")]) }

    /// Closes its input.
    package func close() { core.close() }

    /// Ends it at once.
    package func kill() { core.kill() }
}

/// What the thread keeps alive.
private final class Core: Sendable {
    private struct State {
        var isInputOpen = true
        var isReaped = false
        var isClosed = false
    }

    private let process: pid_t
    private let input: Descriptor
    private let output: Descriptor
    private let errors: Descriptor
    private let longestLine: Int
    private let take: @Sendable ([UInt8]) -> Void
    private let end: @Sendable (Dialogue.Ending) -> Void
    private let state = Mutex(State())

    init(
        _ process: pid_t,
        input: consuming Descriptor,
        _ output: consuming Descriptor,
        _ errors: consuming Descriptor,
        _ longestLine: Int,
        _ take: @escaping @Sendable ([UInt8]) -> Void,
        _ end: @escaping @Sendable (Dialogue.Ending) -> Void
    ) {
        self.process = process
        self.input = input
        self.output = output
        self.errors = errors
        self.longestLine = longestLine
        self.take = take
        self.end = end
    }

    func begin() {
        for descriptor in [output.raw, errors.raw] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        var thread = pthread_t()
        let core = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread,
            nil,
            { core in
                if let core { Unmanaged<Core>.fromOpaque(core).takeRetainedValue().follow() }
                return nil
            },
            core.toOpaque()
        )
        guard code != 0 else { return _ = pthread_detach(thread) }
        core.release()
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        state.withLock { $0.isReaped = true }
        end(Dialogue.Ending(status: nil, errors: "no thread is to be had: \(systemErrorText(code))"))
    }

    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let isOpen = state.withLock { $0.isInputOpen }
            let count = rest.withUnsafeBytes {
                isOpen ? Glibc.send(input.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) : -1
            }
            guard count > 0 else {
                if isOpen, errno == EINTR { continue }
                kill()
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            guard state.isInputOpen else { return }
            state.isInputOpen = false
            shutdown(input.raw, Int32(SHUT_WR))
        }
    }

    func kill() {
        state.withLock { state in
            guard !state.isReaped else { return }
            Glibc.kill(process, SIGKILL)
        }
    }

    // MARK: the thread

    private func follow() {
        let handle = cspawn_pidfd_open(process)
        defer { if handle >= 0 { Glibc.close(handle) } }
        var rest: [UInt8] = []
        var complaints: [UInt8] = []
        var closedAt: Int?
        while !hasEnded {
            var polls = [
                pollfd(fd: output.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polls, nfds_t(polls.count), handle < 0 ? 20 : 500)
            // A stream whose end has come would be readable for ever; the child's own end is near then.
            let isIdle = [readOutput(&rest), readErrors(&complaints)] == [false, false]
            if isIdle, polls[2].revents == 0, polls[0].revents | polls[1].revents != 0 { poll(nil, 0, 5) }
            if state.withLock({ $0.isClosed }) {
                closedAt = closedAt ?? monotonicMilliseconds()
                if let closedAt, monotonicMilliseconds() - closedAt > 2000 { kill() }
            }
        }
        while readOutput(&rest) {}
        while readErrors(&complaints) {}
        end(Dialogue.Ending(status: reap(), errors: String(decoding: complaints, as: UTF8.self)))
    }

    private var hasEnded: Bool {
        var info = siginfo_t()
        let answer = waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT | WNOHANG)
        return answer != 0 || info.si_signo == SIGCHLD
    }

    private func reap() -> Int32? {
        state.withLock { state in
            var word: Int32 = 0
            let isOurs = waitpid(process, &word, WNOHANG) == process
            state.isReaped = true
            guard isOurs, case .exited(let status) = ProcessStatus(waitWord: word) else { return nil }
            return status
        }
    }

    /// Hands on the lines that are whole; `rest` is what stands after the last of them.
    private func readOutput(_ rest: inout [UInt8]) -> Bool {
        let bytes = Self.read(output.raw)
        let pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() {
            rest += piece
            guard index < pieces.count - 1 else { break }
            take(rest)
            rest = []
        }
        if rest.count > longestLine {
            rest = []
            kill()
        }
        return !bytes.isEmpty
    }

    private func readErrors(_ complaints: inout [UInt8]) -> Bool {
        let bytes = Self.read(errors.raw)
        complaints += bytes
        if complaints.count > 8192 { complaints.removeFirst(complaints.count - 4096) }
        return !bytes.isEmpty
    }

    /// What is there now, at most 64 KiB.
    private static func read(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return Array(buffer.prefix(max(0, count)))
    }
}
