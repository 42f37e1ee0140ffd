package import DeployCore
package import DeployPorts
import Dispatch
import Synchronization
package import TrafficJudgement

/// Requests, errors and durations per environment from nginx's access log in the format `bg`
/// (`nginx/log-format.conf`), sent as syslog datagrams or followed in a file.
///
/// A request belongs to the first server that nginx asked, so that a retry does not hide its failure. Lines
/// that nginx lost are not known here: without a line there is no request.
package actor NginxLogSource: MetricsSource {
    package nonisolated let name: String
    private let place: LogPlace
    private let servers: [EnvironmentName: [String]]
    private var feed: Feed?

    private enum Feed {
        case datagrams(DatagramReceiver, SharedTally)
        case file(FileReader, SharedTally)
    }

    package init(_ place: LogPlace, servers: [EnvironmentName: [String]]) {
        self.place = place
        self.servers = servers
        name = "nginx log \(place)"
    }

    /// From the playbook's `log` and its environments.
    package static func make(
        log: String,
        environments: [EnvironmentSpec]
    ) throws(LogPlace.Mistake) -> NginxLogSource {
        let servers = Dictionary(environments.map { ($0.name, $0.servers) }) { $0 + $1 }
        return NginxLogSource(try LogPlace(log), servers: servers)
    }

    package func open() async throws(MetricsError) {
        guard feed == nil else { return }
        let servers = servers
        let owners = await Self.blocking { ServerAddresses.owners(of: servers) }
        let tally = SharedTally(LogTally(owners: owners, environments: Array(servers.keys)))
        switch place {
        case .file(let path):
            feed = .file(try FileReader(path), tally)
        case .unix, .udp:
            let receiver = try DatagramReceiver(place)
            receiver.start { tally.add($0) }
            feed = .datagrams(receiver, tally)
        }
    }

    package func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
        let tally: SharedTally
        switch feed {
        case nil: throw .noEvidence("the log is not open")
        case .datagrams(_, let shared): tally = shared
        case .file(let reader, let shared):
            tally = shared
            await Self.blocking { reader.read { shared.add($0) } }
        }
        let (samples, complaint) = tally.drain()
        if let complaint { throw .noEvidence(complaint) }
        return samples
    }

    package func close() async {
        let old = feed
        feed = nil
        if case .datagrams(let receiver, _) = old { await receiver.stop() }
    }

    private static let queue = DispatchQueue(label: "bgdeploy.log-files", attributes: .concurrent)

    private static func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: work()) }
        }
    }
}

/// The tally that a reader fills and `collect` empties.
private final class SharedTally: Sendable {
    private let tally: Mutex<LogTally>

    init(_ tally: LogTally) { self.tally = Mutex(tally) }

    func add(_ line: UnsafeBufferPointer<UInt8>) {
        tally.withLock { $0.add(line) }
    }

    func drain() -> (samples: [EnvironmentName: TrafficSample], complaint: String?) {
        tally.withLock { $0.drain() }
    }
}

private final class FileReader: Sendable {
    private let file: Mutex<FollowedFile>

    init(_ path: String) throws(MetricsError) { file = Mutex(try FollowedFile(path)) }

    func read(_ line: (UnsafeBufferPointer<UInt8>) -> Void) {
        file.withLock { $0.read(line) }
    }
}
