import BalancerFiles
import ChildProcesses
import DeployPorts
import Glibc
import SafeFile

extension NginxBalancer {
    /// The reload command, unless it is nginx's own: `nginx -s reload` parses the whole configuration, reads
    /// the pid file and sends SIGHUP to whatever process it names.
    ///
    /// The master is already known here, and checked.
    var reloadCommand: [String]? {
        guard let command = settings.reload else { return nil }
        let isOwn = AtomicFile.name(of: command[0]) == "nginx" && command.suffix(2) == ["-s", "reload"]
        return isOwn ? nil : command
    }

    func rescueScript(_ keeper: MarkKeeper) -> String {
        let own = settings.test.flatMap { $0 == "-t" || $0 == "-qt" ? ["-s", "reload"] : [$0] }
        return RescueScript.text(
            keeper.file,
            test: settings.test,
            reload: settings.reload ?? own,
            folder: settings.folder
        )
    }

    /// Tests the configuration as it stands on disk.
    ///
    /// Returns how long that took, in milliseconds.
    @discardableResult
    func test() async throws(LoadBalancerError) -> Int {
        let start = MonotonicClock.milliseconds()
        let outcome = try await run(settings.test, key: "test")
        switch outcome.status {
        case .exited(0): return Int(MonotonicClock.milliseconds() - start)
        case .exited, .signalled: throw .rejected(complaint: complaint(outcome, of: settings.test))
        case .timedOut:
            throw .rejected(
                complaint: "\(line(settings.test)) did not end within \(Self.commandDeadline / 1000) s"
            )
        }
    }

    /// Tells nginx to load the file.
    func trigger(_ reload: NginxReload) async throws(LoadBalancerError) {
        guard let command = reloadCommand else { return try reload.signal() }
        let outcome = try await run(command, key: "reload")
        guard outcome.status != .exited(0) else { return }
        let text = complaint(outcome, of: command)
        let words = ["not permitted", "permission denied", "not allowed", "a password is required"]
        if words.contains(where: { text.lowercased().contains($0) }) {
            throw .forbidden("reloading nginx is not allowed; the old configuration is in place:\n\(text)")
        }
        throw .rejected(complaint: text)
    }

    /// Refuses a file that the tested configuration does not include: nginx would reload happily, and the
    /// traffic would stay where it is.
    func checkIncluded(_ path: String) async throws(LoadBalancerError) {
        guard let text = try await configurationText() else { return }
        let isIncluded: Bool
        if settings.mode == .generated {
            // By its text: inside a container the file may have another path.
            let bytes = try? SafeFile.read(path).bytes
            isIncluded = bytes.flatMap { generation(of: $0, path) }.map { text.contains($0) } ?? false
        } else {
            let mark = "# configuration file "
            let files = text.split(separator: "\n").filter { $0.hasPrefix(mark) && $0.hasSuffix(":") }
                .map { String($0.dropFirst(mark.count).dropLast()) }
            isIncluded = files.isEmpty || files.contains { (try? SafeFile.resolve($0)) == path }
        }
        guard !isIncluded else { return }
        throw .misconfigured(
            "\(path) is not a part of the configuration that `\(line(settings.test))` tests: no `include` reaches it, so a change in it would have no effect"
        )
    }

    /// The whole configuration as `nginx -T` writes it; `nil` when it cannot be had.
    func configurationText() async throws(LoadBalancerError) -> String? {
        guard let flag = settings.test.lastIndex(of: "-t") else { return nil }
        var command = settings.test
        command[flag] = "-T"
        let outcome = try await run(command, key: "test")
        return outcome.status == .exited(0) && !outcome.wasCut ? outcome.output : nil
    }

    func checkSignal(_ master: NginxMaster) throws(LoadBalancerError) {
        guard kill(master.process.id, 0) == 0 else {
            throw .forbidden(
                "not allowed to signal the nginx master, process \(master.process.id): run bgdeploy as root or as nginx's user, or give the balancer a `reload` command, such as [sudo, nginx, -s, reload]"
            )
        }
    }

    /// In milliseconds; a configuration of thousands of servers with certificates is tested for some seconds.
    private static let commandDeadline = 60_000

    func run(
        _ command: [String],
        key: String
    ) async throws(LoadBalancerError) -> ShortCommand.Outcome {
        do throws(ShortCommandError) {
            return try await ShortCommand.run(
                command,
                folder: settings.folder,
                deadline: Self.commandDeadline,
                outputLimit: 32 << 20
            )
        } catch {
            throw .misconfigured(
                "\(error.message); the balancer's key `\(key)` names the command `\(line(command))`"
            )
        }
    }

    private func complaint(_ outcome: ShortCommand.Outcome, of command: [String]) -> String {
        let end =
            switch outcome.status {
            case .exited(let code): "exit \(code)"
            case .signalled(let signal): "ended by signal \(signal)"
            case .timedOut: "ended after \(Self.commandDeadline / 1000) s"
            }
        return "\(line(command)): \(end)\n\(outcome.output)"
    }

    private func line(_ command: [String]) -> String { command.joined(separator: " ") }
}
