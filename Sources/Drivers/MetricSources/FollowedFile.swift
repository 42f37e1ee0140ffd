import DeployPorts
import Glibc

/// A log file that another process appends to, from its end on, over rotation by renaming and by truncating.
struct FollowedFile: ~Copyable {
    private let path: String
    private var current: LogStream
    /// Renamed files, which nginx goes on writing to until it is told to reopen its logs.
    private var retired: [LogStream] = []

    private static let mostRetired = 3
    /// Readings without a new line after which a renamed file is let go.
    private static let patience = 30

    init(_ path: String) throws(MetricsError) {
        self.path = path
        current = try LogStream(path, fromEnd: true)
    }

    deinit {
        current.close()
        for stream in retired { stream.close() }
    }

    /// Calls `line` for every line that was completed since the last call, without its line feed.
    mutating func read(_ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        for index in retired.indices { retired[index].read(line) }
        current.read(line)
        adoptSuccessor(line)
        while let index = retired.firstIndex(where: { $0.idleReadings > Self.patience }) {
            retired.remove(at: index).close()
        }
    }

    /// A new file under our name: read it from its beginning.
    private mutating func adoptSuccessor(_ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        var status = stat()
        guard stat(path, &status) == 0, !current.isFile(status) else { return }
        guard var next = try? LogStream(path, fromEnd: false) else { return }
        next.read(line)
        retired.append(current)
        current = next
        if retired.count > Self.mostRetired { retired.removeFirst().close() }
    }
}

/// One open log file and how far it was read.
struct LogStream {
    private let descriptor: Int32
    private let device: UInt
    private let inode: UInt
    private var offset: Int
    /// The last bytes before `offset`: when the file holds others there, it was truncated and filled anew.
    private var tail: [UInt8] = []
    private var unfinished: [UInt8] = []
    /// The rest of a line whose beginning was not seen, or was too long.
    private var skipsToLineEnd = false
    private(set) var idleReadings = 0

    private static let longestLine = 1 << 16
    /// So that one reading ends however fast the log grows.
    private static let mostPerReading = 64 << 20

    init(_ path: String, fromEnd: Bool) throws(MetricsError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .unusable("cannot read the log \(path): \(SystemText.of(errno))") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw .unusable("cannot follow the log \(path): it is not a regular file")
        }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        offset = fromEnd ? Int(status.st_size) : 0
        rememberTail()
        skipsToLineEnd = !tail.isEmpty && tail.last != UInt8(ascii: "\n")
    }

    func close() { Glibc.close(descriptor) }

    func isFile(_ status: stat) -> Bool { UInt(status.st_dev) == device && UInt(status.st_ino) == inode }

    mutating func read(_ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        if wasTruncated {
            offset = 0
            unfinished = []
            skipsToLineEnd = false
        }
        let start = offset
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while offset - start < Self.mostPerReading {
            let count = pread(descriptor, &chunk, chunk.count, offset)
            guard count > 0 else { break }
            offset += count
            take(chunk[..<count], line)
        }
        idleReadings = offset == start ? idleReadings + 1 : 0
        rememberTail()
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            if !skipsToLineEnd {
                if unfinished.isEmpty {
                    rest[..<end].withUnsafeBufferPointer(line)
                } else {
                    unfinished += rest[..<end]
                    unfinished.withUnsafeBufferPointer(line)
                }
            }
            unfinished.removeAll(keepingCapacity: true)
            skipsToLineEnd = false
            rest = rest[(end + 1)...]
        }
        guard !skipsToLineEnd else { return }
        unfinished += rest
        guard unfinished.count > Self.longestLine else { return }
        unfinished.withUnsafeBufferPointer(line)
        unfinished = []
        skipsToLineEnd = true
    }

    private var wasTruncated: Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return Int(status.st_size) < offset || bytesBeforeOffset() != tail
    }

    private mutating func rememberTail() { tail = bytesBeforeOffset() }

    private func bytesBeforeOffset() -> [UInt8] {
        let length = min(offset, 64)
        var bytes = [UInt8](repeating: 0, count: length)
        let count = pread(descriptor, &bytes, length, offset - length)
        return Array(bytes.prefix(max(0, count)))
    }
}
