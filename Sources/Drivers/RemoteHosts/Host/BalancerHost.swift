import ChildProcesses
package import DeployPorts
import Glibc
import SafeFile

/// The far side of a remote balancer: serves one balancer of this host to whoever is at the other end of the
/// standard streams, and does nothing that is not a call of ``LoadBalancer`` or ``MetricsSource``.
///
/// Locks, marks, fencing and files are the local drivers', as if bgdeploy itself ran here.
package struct BalancerHost: Sendable {
    private let version: String
    private let kinds: [BalancerKind]
    private let policy: Policy

    /// What a key that is good for this command alone may reach.
    package struct Policy: Sendable {
        /// The configuration files that may be named; empty for every one.
        package var files: [String]
        /// Whether the playbook may say which commands test and reload.
        package var takesCommands: Bool

        package init(files: [String] = [], takesCommands: Bool = true) {
            self.files = files
            self.takesCommands = takesCommands
        }
    }

    package init(version: String, kinds: [BalancerKind], policy: Policy) {
        self.version = version
        self.kinds = kinds
        self.policy = policy
    }

    /// Nothing that is alive is silent for so long.
    private static let patience: Int32 = 900_000

    /// Serves until `input` ends; what was begun is ended first, and what was staged is discarded.
    ///
    /// Returns whether it served anything.
    package func serve(input: Int32 = 0, output: Int32 = 1) async -> Bool {
        signal(SIGPIPE, SIG_IGN)
        let reader = LineReader(input, patience: Self.patience)
        let writer = LineWriter(output)
        guard let line = await reader.next(), let greeting = WireLine.decode(Greeting.self, from: line) else {
            greet(writer, refusal: "no greeting of bgdeploy came; this command is for bgdeploy's own use")
            return false
        }
        guard greeting.language == Greeting.language,
            let opening = WireLine.decode(Opening.self, from: line)
        else {
            greet(writer, refusal: "bgdeploy \(version) does not know the words of \(greeting.bgdeploy)")
            return false
        }
        if let refusal = policy.refusal(of: opening, kinds) {
            greet(writer, refusal: refusal)
            return false
        }
        if let predecessor = opening.predecessor { await BlockingWork.run { Self.outlast(predecessor) } }
        switch make(opening) {
        case .failure(let mistake):
            greet(writer, refusal: mistake.message)
            return false
        case .success(let configured):
            greet(writer, refusal: nil)
            await serve(configured, reader, writer)
            return true
        }
    }

    private func serve(_ configured: ConfiguredBalancer, _ reader: LineReader, _ writer: LineWriter) async {
        let desk = HostDesk(configured)
        await withTaskGroup(of: Void.self) { group in
            while let line = await reader.next() {
                guard let request = WireLine.decode(HostRequest.self, from: line) else { break }
                group.addTask {
                    let answer = await desk.answer(request)
                    let reply = HostReply(number: request.number, answer: answer)
                    let tooLong = HostReply(
                        number: request.number,
                        answer: .failed(error: .misconfigured(message: "the answer is too long"))
                    )
                    guard let line = WireLine.encode(reply) ?? WireLine.encode(tooLong) else { return }
                    await BlockingWork.run { writer.write(line) }
                }
            }
        }
        await desk.leave()
    }

    private func greet(_ writer: LineWriter, refusal: String?) {
        let opened = Opened(
            bgdeploy: version,
            language: Greeting.language,
            process: .own(),
            now: MonotonicClock.milliseconds(),
            refusal: refusal
        )
        if let line = WireLine.encode(opened) { writer.write(line) }
    }

    /// Until the process that was given up has ended: by itself, or after three seconds by force.
    ///
    /// Whatever it was writing is whole.
    private static func outlast(_ predecessor: ProcessName) {
        let exe = ProcFile.link("/proc/\(predecessor.process)/exe")
        guard predecessor != .own(), exe == ProcFile.link("/proc/self/exe") else { return }
        for _ in 0..<150 where predecessor.isAlive { MonotonicClock.pause(milliseconds: 20) }
        predecessor.kill()
        for _ in 0..<50 where predecessor.isAlive { MonotonicClock.pause(milliseconds: 20) }
    }

    private struct Mistake: Error {
        let message: String
    }

    private func make(_ opening: Opening) -> Result<ConfiguredBalancer, Mistake> {
        let diagnostics = Diagnostics()
        let entry = opening.entry.parameter
        guard opening.environments.count == 2, let kind = kinds.first(where: { entry.has($0.key) }) else {
            return .failure(
                Mistake(message: "bgdeploy \(version) knows no such balancer, or not two environments")
            )
        }
        var reader = MapReader(entry, "a balancer of kind `\(kind.key)`", diagnostics: diagnostics)
        let configured = kind.make(&reader, opening.context)
        reader.finish()
        guard diagnostics.all.isEmpty, let configured else {
            return .failure(Mistake(message: diagnostics.all.map(\.message).joined(separator: "\n")))
        }
        return .success(configured)
    }
}

extension BalancerHost.Policy {
    /// Why this balancer may not be served; `nil` when it may.
    fileprivate func refusal(of opening: Opening, _ kinds: [BalancerKind]) -> String? {
        guard case .map(let entries) = opening.entry else { return "the entry of the balancer is none" }
        if !files.isEmpty {
            for entry in entries where Self.isPlace(entry.key, kinds) {
                if case .text(let path, _) = entry.value, files.contains(Self.plain(path)) { continue }
                let list = files.joined(separator: ", ")
                return "this key is good for \(list) alone, and not for `\(entry.key)`"
            }
        }
        if !takesCommands, let command = entries.first(where: { ["test", "reload"].contains($0.key) }) {
            return "this key may not say which command is run: take `\(command.key)` out of the playbook"
        }
        return nil
    }

    /// Whether what stands there is read or written on this host.
    private static func isPlace(_ key: String, _ kinds: [BalancerKind]) -> Bool {
        ["socket", "pid", "directory", "log"].contains(key) || kinds.contains { $0.key == key }
    }

    private static func plain(_ path: String) -> String {
        path.hasPrefix("unix:") ? String(path.dropFirst("unix:".count)) : path
    }
}

extension Parameter {
    fileprivate func has(_ key: String) -> Bool {
        guard case .map(let entries, _) = self else { return false }
        return entries.contains { $0.key == key }
    }
}
