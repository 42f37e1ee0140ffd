import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation
import Playbooks

/// Finds and reads what the command line names.
struct Workplace: Sendable {
    let environment: [String: String]
    let options: CommonOptions
    let clock: any Timekeeper = SystemClock()
    /// The service at which the command acts; `nil` for this host.
    var remote: RemoteDesk?
    /// What `--service` says.
    var chosenService: String?

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
        try location(options.state ?? environment["BGDEPLOY_STATE"])
    }

    /// The state store of `url`, or the default one.
    func location(_ url: String?) throws(CommandFailure) -> StateLocation {
        try StateLocation(url, environment: environment, isRoot: geteuid() == 0)
    }

    func desk() throws(CommandFailure) -> Desk {
        Desk(actor: actor, environment: environment, state: try state(), clock: clock)
    }

    /// As the playbook file says.
    func service() throws(CommandFailure) -> Service { try Service(playbookAt: playbookPath, clock: clock) }

    /// The runbook's of `run`, where that is a runbook's; else as the playbook file says.
    func service(of run: String?, _ store: any RunStore) async throws(CommandFailure) -> Service {
        guard let run else { return try service() }
        let record: RunRecord?
        do throws(RunStoreError) {
            record = try await store.run(run)
        } catch {
            throw CommandFailure(error)
        }
        guard let record, record.isOfRunbook else { return try service() }
        return try await Service(runbookOf: record, store, clock: clock)
    }

    func store() async throws(CommandFailure) -> any RunStore {
        if let remote { return remote.store }
        return try await desk().store()
    }
}
