import Glibc
import SafeFile
import Synchronization

/// Reads lines from a descriptor until its end, or until nothing came for too long.
final class LineReader: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        /// So many of them hold no line's end.
        var searched = 0
        var hasEnded = false
    }

    private let descriptor: Int32
    private let patience: Int32
    private let state = Mutex(State())

    /// `patience` is in milliseconds.
    init(_ descriptor: Int32, patience: Int32) {
        self.descriptor = descriptor
        self.patience = patience
    }

    /// The next line without its end; `nil` when there is none any more, or it is longer than a line may be.
    func next() async -> [UInt8]? { await BlockingWork.run { self.read() } }

    private func read() -> [UInt8]? {
        state.withLock { state in
            while !state.hasEnded {
                if let end = state.bytes[state.searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(state.bytes[..<end])
                    state.bytes.removeFirst(end + 1)
                    state.searched = 0
                    return line
                }
                state.searched = state.bytes.count
                var polls = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
                let seen = poll(&polls, 1, patience)
                if seen < 0, errno == EINTR { continue }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count =
                    seen > 0
                    ? buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) } : 0
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                state.bytes += buffer.prefix(max(0, count))
                state.hasEnded = count <= 0 || state.bytes.count > WireLine.longest
            }
            return nil
        }
    }
}

/// Writes lines to a descriptor, each whole.
final class LineWriter: Sendable {
    private let descriptor: Int32
    private let turn = Mutex(())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Blocks while nobody reads; what cannot be written is nobody's any more.
    func write(_ line: [UInt8]) {
        turn.withLock { _ in
            var rest = (line + [UInt8(ascii: "\n")])[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}
