import DeployPorts
import Glibc
import SafeFile

/// Makes a running nginx load its configuration, and finds out whether it did.
///
/// Exit codes say nothing: `nginx -t` and `nginx -s reload` both succeed when, say, a new `listen` port is
/// taken, and nothing changes. The evidence is new workers, and every old one gone or shutting down: nginx
/// starts workers only with a configuration that it has loaded whole. Where there is a probe, nginx has to
/// answer the wanted generation as well; where no master is visible, that alone is the evidence.
struct NginxReload: Sendable {
    enum Outcome: Hashable, Sendable {
        case inForce
        /// nginx said in its error log why it keeps the old configuration.
        case refused(complaint: String)
        /// The old workers accept connections as before.
        case nothingHappened(hint: String)
        /// Old and new workers accept connections.
        case halfway
        case masterGone
        /// New workers or not, the wanted generation is not what nginx answers.
        case notServed(found: String)
    }

    /// The generation that nginx must answer.
    struct Proof: Sendable {
        let probe: ServedProbe
        let generation: String
    }

    let master: NginxMaster?
    private let before: Set<NginxProcess>
    private let log: ErrorLogTail?
    private let proof: Proof?

    /// - Precondition: there is a master or a proof.
    init(_ master: NginxMaster?, errorLog: String?, proof: Proof?) {
        precondition(master != nil || proof != nil, "a reload without evidence")
        self.master = master
        self.proof = proof
        before = master?.activeWorkers() ?? []
        log = master.flatMap { master in errorLog.map { ErrorLogTail($0, master: master.process.id) } }
    }

    /// Sends SIGHUP to the master, which reads the file some time after this returns.
    func signal() throws(LoadBalancerError) {
        guard let master else {
            throw .misconfigured(
                "no nginx master is visible to be signalled; give the balancer a `reload` command"
            )
        }
        guard NginxMaster(master.process.id) == master else {
            throw .unreachable(
                "the nginx master, process \(master.process.id), has ended; nothing was changed"
            )
        }
        guard kill(master.process.id, SIGHUP) == 0 else {
            throw .forbidden(
                "not allowed to signal the nginx master, process \(master.process.id): run bgdeploy as root or as nginx's user, or give the balancer a `reload` command, such as [sudo, nginx, -s, reload]"
            )
        }
    }

    /// Waits for the evidence, at most `milliseconds` for each kind.
    func outcome(within milliseconds: Int) async -> Outcome {
        if let master {
            let outcome = await BlockingWork.run { blockingOutcome(master, within: milliseconds) }
            guard outcome == .inForce else { return outcome }
        }
        guard let proof else { return .inForce }
        let verdict = await proof.probe.proof(within: milliseconds) { $0 == proof.generation }
        return switch verdict {
        case .proven: .inForce
        case .unproven(let found): .notServed(found: found)
        }
    }

    private func blockingOutcome(_ master: NginxMaster, within milliseconds: Int) -> Outcome {
        let deadline = MonotonicClock.milliseconds() + Int64(milliseconds)
        var looks = 0
        while true {
            let workers = master.activeWorkers()
            if !workers.isEmpty, workers.isDisjoint(with: before) { return .inForce }
            looks += 1
            if looks.isMultiple(of: 8) {
                guard NginxMaster(master.process.id) == master else { return .masterGone }
                if let complaint = log?.refusal() { return .refused(complaint: complaint) }
            }
            guard MonotonicClock.milliseconds() < deadline else { return last(master, workers) }
            MonotonicClock.pause(milliseconds: 4)
        }
    }

    private func last(_ master: NginxMaster, _ workers: Set<NginxProcess>) -> Outcome {
        if !workers.isSubset(of: before) { return .halfway }
        if master.isStopped {
            return .nothingHappened(hint: "the nginx master, process \(master.process.id), is stopped")
        }
        let lines = log?.complaints() ?? []
        return .nothingHappened(
            hint: lines.isEmpty ? "nginx's error log says nothing about it" : lines.joined(separator: "\n")
        )
    }
}

/// What the master writes into its error log from now on.
struct ErrorLogTail: Sendable {
    private let path: String
    private let master: Int32
    private let start: Int

    init(_ path: String, master: Int32) {
        self.path = path
        self.master = master
        var status = stat()
        start = stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// The complaint, once nginx has given up on a new configuration.
    ///
    /// A port that is taken is tried again for some seconds, so those lines alone decide nothing.
    func refusal() -> String? {
        let lines = complaints()
        let isFinal = lines.contains { $0.contains("[emerg]") && !$0.contains("bind() to ") }
        return isFinal ? lines.joined(separator: "\n") : nil
    }

    /// The newest distinct lines of level emerg or alert by the master, at most five.
    func complaints() -> [String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        guard lseek(descriptor, off_t(start), SEEK_SET) >= 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return [] }
        var lines: [String] = []
        var seen: Set<Substring> = []
        for line in String(decoding: chunk[..<count], as: UTF8.self).split(separator: "\n")
        where line.contains("[emerg] \(master)#") || line.contains("[alert] \(master)#") {
            let text = line.drop { $0 != "[" }
            if seen.insert(text).inserted { lines.append(String(text)) }
        }
        return lines.suffix(5)
    }
}
