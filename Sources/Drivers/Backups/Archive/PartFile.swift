import DeployPorts
import Glibc
import SafeFile

/// A new file that is being written, hashed as it goes.
///
/// Lives on one thread. What was written stays until somebody removes it.
struct PartFile: ~Copyable {
    struct Written: Hashable, Sendable {
        let bytes: Int
        /// Of what was handed in, not of what the disk kept.
        let digest: String
    }

    private let path: String
    private let descriptor: Int32
    private var digest = RunningDigest()
    private(set) var bytes = 0

    /// Refuses a file that is there.
    init(_ path: String) throws(StepFailure) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    deinit { close(descriptor) }

    mutating func append(_ more: ArraySlice<UInt8>) throws(StepFailure) {
        var rest = more
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path) }
            rest = rest.dropFirst(count)
        }
        digest.update(more)
        bytes += more.count
    }

    /// Returns when the disk has it.
    mutating func finish() throws(StepFailure) -> Written {
        guard fsync(descriptor) == 0 else { throw Self.failure(path) }
        return Written(bytes: bytes, digest: digest.finish())
    }

    private static func failure(_ path: String) -> StepFailure {
        switch errno {
        case ENOSPC, EDQUOT:
            StepFailure("no space is left on the file system of \(path)", isTransient: false)
        case let code: StepFailure("cannot write \(path): \(String(cString: strerror(code)))")
        }
    }

    /// What is in the file at `path`, read again.
    static func read(
        _ path: String,
        until end: ContinuousClock.Instant
    ) async throws(StepFailure) -> Written {
        try await Blocking.run { stop throws(StepFailure) in
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw unreadable(path) }
            defer { close(descriptor) }
            var digest = RunningDigest()
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            var bytes = 0
            while true {
                guard !stop.isSet, ContinuousClock.now < end else {
                    throw StepFailure("\(path) could not be read again in time", isTransient: !stop.isSet)
                }
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw unreadable(path) }
                guard count > 0 else { return Written(bytes: bytes, digest: digest.finish()) }
                digest.update(buffer[..<count])
                bytes += count
            }
        }
    }

    private static func unreadable(_ path: String) -> StepFailure {
        StepFailure("cannot read \(path): \(String(cString: strerror(errno)))", isTransient: false)
    }
}
