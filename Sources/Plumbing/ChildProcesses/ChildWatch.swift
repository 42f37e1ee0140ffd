import CSpawn
import Glibc

/// How a child ended.
struct ChildEnd {
    enum Cause {
        case itself
        case timedOut
        case cancelled
    }

    /// As waitpid(2) reports it; `nil` for a process that even SIGKILL did not end in time.
    var status: ProcessStatus?
    var cause: Cause
}

enum ProcessStatus: Hashable {
    case exited(Int32)
    case signalled(Int32)

    /// Reads the word that waitpid(2) stores (its macros are not visible from Swift).
    init(waitWord word: Int32) {
        self = word & 0x7f == 0 ? .exited((word >> 8) & 0xff) : .signalled(word & 0x7f)
    }
}

/// Sees one child to its end on the calling thread, which it blocks.
///
/// What counts is the child's own end, not the end of its output: a grandchild may hold the pipe for hours.
/// The child is reaped last, so its number, which is its group's, stays ours while signals are sent to it.
struct ChildWatch: ~Copyable {
    let process: pid_t
    let output: Descriptor
    // All in milliseconds. `linger`: how long output is waited for after the child's end.
    let deadline: Int
    let grace: Int
    let linger: Int
    /// Readable when the child must be ended early; −1 for never.
    var cancellation: Int32 = -1
    /// The other end of the child's input, closed to tell it to end.
    private var heldInput: Descriptor?

    private var outputIsOpen = true
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init(
        process: pid_t,
        output: consuming Descriptor,
        deadline: Int,
        grace: Int,
        linger: Int,
        cancellation: Int32 = -1,
        heldInput: consuming Descriptor? = nil
    ) {
        self.process = process
        self.output = output
        self.deadline = deadline
        self.grace = grace
        self.linger = linger
        self.cancellation = cancellation
        self.heldInput = heldInput
        _ = fcntl(self.output.raw, F_SETFL, O_NONBLOCK)
    }

    /// Gives the output to `take` as it comes, ends the group on the deadline or a cancellation (TERM, `grace`,
    /// KILL, until none of it lives), and returns how the child ended.
    mutating func run(_ take: (ArraySlice<UInt8>) -> Void) -> ChildEnd {
        let begin = monotonicMilliseconds()
        let handle = cspawn_pidfd_open(process)
        defer { if handle >= 0 { close(handle) } }
        var cause = ChildEnd.Cause.itself
        while !hasEnded {
            let left = begin + min(deadline, Int.max - begin) - monotonicMilliseconds()
            guard left > 0 else {
                cause = .timedOut
                break
            }
            if wait(for: handle, atMost: left, take) {
                cause = .cancelled
                break
            }
        }
        if cause != .itself { endGroup(handle, take) }
        drain(take)
        return ChildEnd(status: reap(), cause: cause)
    }

    private var hasEnded: Bool {
        var info = siginfo_t()
        let answer = waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT | WNOHANG)
        return answer != 0 || info.si_signo == SIGCHLD
    }

    /// Waits until something happens, and takes what output there is.
    ///
    /// Returns whether a cancellation came.
    private mutating func wait(
        for handle: Int32,
        atMost left: Int,
        _ take: (ArraySlice<UInt8>) -> Void
    ) -> Bool {
        // Without a pidfd (no descriptor left, old kernel) the child's end is looked for every 20 ms.
        let longest = handle < 0 ? min(left, 20) : min(left, 1_000_000)
        var polls = [
            pollfd(fd: outputIsOpen ? output.raw : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
            pollfd(fd: cancellation, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polls, nfds_t(polls.count), Int32(longest)) > 0 else { return false }
        if polls[0].revents != 0 { takeOnce(take) }
        return polls[2].revents != 0
    }

    @discardableResult
    private mutating func takeOnce(_ take: (ArraySlice<UInt8>) -> Void) -> Bool {
        let descriptor = output.raw
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            take(buffer[..<count])
            return true
        }
        if count == 0 || (errno != EAGAIN && errno != EINTR) { outputIsOpen = false }
        return false
    }

    private mutating func endGroup(_ handle: Int32, _ take: (ArraySlice<UInt8>) -> Void) {
        cancellation = -1
        if heldInput != nil {
            heldInput = nil
            // What it runs elsewhere has the grace there, and needs a moment to tell.
            awaitGroupEnd(handle, within: grace + 2000, take)
        }
        kill(-process, SIGTERM)
        awaitGroupEnd(handle, within: grace, take)
        kill(-process, SIGKILL)
        awaitGroupEnd(handle, within: 2000, take)
    }

    private mutating func awaitGroupEnd(
        _ handle: Int32,
        within span: Int,
        _ take: (ArraySlice<UInt8>) -> Void
    ) {
        let end = monotonicMilliseconds() + span
        while true {
            let left = end - monotonicMilliseconds()
            let leaderHasEnded = hasEnded
            guard left > 0, !(leaderHasEnded && !ProcessTable.groupLives(process)) else { return }
            // Nothing tells of a grandchild's end, so once the child is gone they are looked for.
            _ = wait(for: leaderHasEnded ? -1 : handle, atMost: left, take)
        }
    }

    private mutating func drain(_ take: (ArraySlice<UInt8>) -> Void) {
        let end = monotonicMilliseconds() + linger
        while outputIsOpen {
            let left = end - monotonicMilliseconds()
            guard left > 0 else { return }
            _ = wait(for: -1, atMost: left, take)
        }
    }

    private func reap() -> ProcessStatus? {
        var word: Int32 = 0
        return waitpid(process, &word, WNOHANG) == process ? ProcessStatus(waitWord: word) : nil
    }
}
