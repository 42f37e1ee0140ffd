import DeployPorts
import Dispatch
import Synchronization

/// A log that is being received or followed, and the tally that its lines go into.
final class LogFeed<Tally: LineTally>: Sendable {
    private let tally: Mutex<Tally>
    private let reader: Reader

    private enum Reader: Sendable {
        case datagrams(DatagramReceiver)
        case file(FileReader)
    }

    /// Reads from now on: what a file holds already is not counted.
    init(_ place: LogPlace, into tally: consuming sending Tally) throws(MetricsError) {
        self.tally = Mutex(tally)
        switch place {
        case .file(let path): reader = .file(try FileReader(path))
        case .unix, .udp: reader = .datagrams(try DatagramReceiver(place))
        }
        guard case .datagrams(let receiver) = reader else { return }
        receiver.start { [self] line in self.tally.withLock { $0.add(line) } }
    }

    /// Calls `work` with everything that has come so far.
    func take<Result: Sendable>(_ work: (inout sending Tally) -> sending Result) async -> Result {
        if case .file(let file) = reader {
            await LogWork.blocking { file.read { line in self.tally.withLock { $0.add(line) } } }
        }
        return tally.withLock { work(&$0) }
    }

    /// What did not arrive since the last call, as far as the system tells.
    func takeLoss() -> LogLoss {
        if case .datagrams(let receiver) = reader { return receiver.takeLoss() }
        return LogLoss()
    }

    /// Nothing is added after it has returned.
    func close() async {
        if case .datagrams(let receiver) = reader { await receiver.stop() }
    }
}

/// What a log lacks.
struct LogLoss: Hashable, Sendable {
    /// Datagrams that the kernel dropped because we were too slow.
    var dropped = 0
    /// How often a socket's queue was found full: what was sent meanwhile is lost, and nobody counts it.
    var fullQueues = 0
}

/// Work that waits for files and for names.
enum LogWork {
    private static let queue = DispatchQueue(label: "bgdeploy.log-files", attributes: .concurrent)

    static func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: work()) }
        }
    }
}

private final class FileReader: Sendable {
    private let file: Mutex<FollowedFile>

    init(_ path: String) throws(MetricsError) { file = Mutex(try FollowedFile(path)) }

    func read(_ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        file.withLock { $0.read(line) }
    }
}
