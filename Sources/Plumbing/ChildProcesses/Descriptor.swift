import CSpawn
import Glibc

/// An open file descriptor, closed when it goes out of scope; never one of 0, 1 and 2, and close-on-exec.
struct Descriptor: ~Copyable {
    let raw: Int32

    /// Takes ownership of `raw`.
    ///
    /// Returns `nil`, leaving `errno`, when it is negative.
    init?(_ raw: Int32) {
        guard raw >= 0 else { return nil }
        guard raw < 3 else {
            self.raw = raw
            return
        }
        // Someone started us with a closed standard stream: a child's streams must not collide with ours.
        let higher = fcntl(raw, F_DUPFD_CLOEXEC, 3)
        close(raw)
        guard higher >= 0 else { return nil }
        self.raw = higher
    }

    deinit { close(raw) }

    static func null(_ mode: Int32) -> Descriptor? { Descriptor(open("/dev/null", mode | O_CLOEXEC)) }

    /// `bytes` in an unnamed file in memory, to be read from its start.
    ///
    /// A child may read it or not, at any speed, and nobody waits for it or gets a SIGPIPE. `nil`, leaving `errno`, when it cannot be made.
    static func memory(holding bytes: [UInt8]) -> Descriptor? {
        guard let file = Descriptor(memfd_create("input", UInt32(cspawn_memfd_cloexec))) else { return nil }
        guard file.write(bytes[...]), lseek(file.raw, 0, SEEK_SET) == 0 else { return nil }
        return file
    }

    /// Writes all of it; `false`, leaving `errno`, when it could not.
    func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// Everything from where the descriptor stands to the end of its file, up to `limit` bytes.
    func readAll(limit: Int = .max) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while all.count < limit {
            let count = buffer.withUnsafeMutableBytes { read(raw, $0.baseAddress, $0.count) }
            if count > 0 {
                all += buffer[..<count]
            } else if count == 0 || errno != EINTR {
                break
            }
        }
        return all
    }
}

/// A pipe, both ends close-on-exec.
struct Pipe: ~Copyable {
    let readEnd: Descriptor
    let writeEnd: Descriptor

    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { return nil }
        let first = Descriptor(ends[0])
        let second = Descriptor(ends[1])
        guard let first, let second else { return nil }
        readEnd = first
        writeEnd = second
    }

    /// Closes the end for writing and hands out the other.
    consuming func intoReadEnd() -> Descriptor { readEnd }
}

/// Milliseconds on a clock that goes on at its own pace whatever the wall clock does.
func monotonicMilliseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

func systemErrorText(_ number: Int32) -> String { String(cString: strerror(number)) }
