import DeployCore
import DeployEngine
import DeployPorts
import Foundation
import Playbooks
import StoreSQLite

/// One service as a playbook describes it, with everything that a command needs to act on it.
struct Service: Sendable {
    let playbook: Playbook
    let fleet: BalancerFleet
    let clock: any Timekeeper

    init(_ playbook: Playbook, clock: any Timekeeper) {
        self.playbook = playbook
        self.clock = clock
        fleet = BalancerFleet(
            playbook.balancers.map(\.balancer),
            environments: playbook.environments,
            whenUnreachable: playbook.unreachable,
            probe: Catalogue.probe,
            clock: clock
        )
    }

    var name: String { playbook.service }

    var environmentNames: [EnvironmentName] { playbook.environments.map(\.name) }

    func environment(other than: EnvironmentName) -> EnvironmentName {
        environmentNames.first { $0 != than } ?? than
    }

    /// The split that all balancers agree on, or why there is none.
    func observedSplit() async throws(CommandFailure) -> Split {
        do throws(BalancerFleet.Failure) {
            return try await fleet.agreedSplit()
        } catch {
            throw CommandFailure(error.isMisconfigured ? .badInput : .unavailable, error.reason)
        }
    }
}

/// Finds and reads what the command line names.
struct Workplace: Sendable {
    let environment: [String: String]
    let options: CommonOptions
    let clock: any Timekeeper = SystemClock()

    init(_ options: CommonOptions, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.options = options
        self.environment = environment
    }

    var playbookPath: String { options.playbook ?? environment["BGDEPLOY_PLAYBOOK"] ?? "bgdeploy.yml" }

    var usesColor: Bool {
        !options.noColor && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
            && isatty(STDOUT_FILENO) == 1
    }

    /// Who acts, for the journal: `BGDEPLOY_ACTOR`, or the login name at the host.
    var actor: Actor {
        if let name = environment["BGDEPLOY_ACTOR"], !name.isEmpty { return Actor(name) }
        // The host's own name alone: Foundation's asks the resolver, which may be what is down.
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let bytes = host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        return Actor("\(user)@\(String(decoding: bytes, as: UTF8.self))")
    }

    private var user: String {
        if let name = environment["SUDO_USER"] ?? environment["USER"] ?? environment["LOGNAME"] {
            return name
        }
        guard let entry = getpwuid(getuid()) else { return "uid \(getuid())" }
        return String(cString: entry.pointee.pw_name)
    }

    func state() throws(CommandFailure) -> StateLocation {
        try StateLocation(
            options.state ?? environment["BGDEPLOY_STATE"],
            environment: environment,
            isRoot: geteuid() == 0
        )
    }

    /// Reads the playbook file, or the text that a run was begun with.
    func service(text: String? = nil, path: String? = nil) throws(CommandFailure) -> Service {
        let path = path ?? playbookPath
        let bytes: [UInt8]
        if let text {
            bytes = Array(text.utf8)
        } else {
            bytes = try Self.read(path)
        }
        let folder = Self.folder(of: path)
        switch Playbook.load(bytes: bytes, path: path, folder: folder, catalogue: Catalogue.shared) {
        case .success(let playbook): return Service(playbook, clock: clock)
        case .failure(let error): throw CommandFailure(.badInput, error.description)
        }
    }

    /// Absolute, so that what is left beside a balancer works from everywhere.
    private static func folder(of path: String) -> String {
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        return URL(filePath: path, relativeTo: here).absoluteURL.standardizedFileURL
            .deletingLastPathComponent().path
    }

    func store() async throws(CommandFailure) -> any RunStore {
        let location = try state()
        do throws(RunStoreError) {
            return try await SQLiteRunStore(path: location.file)
        } catch {
            throw CommandFailure(error)
        }
    }

    private static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw CommandFailure(
                .badInput,
                exists
                    ? "\(path): cannot be read: \(error.localizedDescription)"
                    : """
                    \(path): there is no such playbook
                    Name one with -p FILE or BGDEPLOY_PLAYBOOK, or write a first one with `bgdeploy init`.
                    """
            )
        }
    }
}
