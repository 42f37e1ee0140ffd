import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

/// An HAProxy that divides the traffic by the weights of one backend's servers: set through its socket, at once
/// and without a reload, while its file is kept in step for the next one.
///
/// The file errs to the stable environment at every instant: when the candidate's share rises the file is
/// written after the running weights, when it falls before them.
package final class HAProxyBalancer: LoadBalancer {
    package let settings: HAProxySettings
    let timekeeper: any Timekeeper
    let staged = Mutex<[StagedSplit: HAProxyChange]>([:])

    package init(_ settings: HAProxySettings, timekeeper: any Timekeeper) {
        self.settings = settings
        self.timekeeper = timekeeper
    }

    package var name: String { "haproxy \(settings.file)" }

    var runtime: HAProxyRuntime { HAProxyRuntime(socket: settings.socket, backend: settings.backend) }

    /// How long another process may hold the lock, in milliseconds.
    static let lockBudget = 5000

    func keeper() throws(LoadBalancerError) -> MarkKeeper {
        try MarkKeeper(path: settings.file, entry: settings.backend, service: settings.service)
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        let (contents, view) = try await readFile()
        return observation(contents.digest, view, try await runtime.servers())
    }

    func readFile() async throws(LoadBalancerError) -> (FileContents, BackendView) {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try SafeFile.read(settings.file) }
            return (contents, try BackendView(contents.bytes, path: contents.path, settings: settings))
        }
    }

    func observation(
        _ digest: String,
        _ view: BackendView,
        _ servers: [RuntimeServer]
    ) -> BalancerObservation {
        let split = view.split(running: servers)
        let fileSplit = view.split
        var remarks: [String] = []
        if split != fileSplit {
            let wanted = fileSplit?.description ?? "nothing that can be served"
            remarks.append("the file asks for \(wanted): the next reload of HAProxy would bring that")
        }
        let known = Set(view.names)
        for server in servers where known.contains(server.name) && server.weight > 0 {
            if server.isInMaintenance { remarks.append("\(server.name) is in maintenance") }
            if server.isDraining { remarks.append("\(server.name) is set to drain") }
            if server.isDown { remarks.append("HAProxy's health check holds \(server.name) to be down") }
        }
        return BalancerObservation(
            split: split,
            fileSplit: fileSplit,
            fileDigest: digest,
            remarks: remarks
        )
    }

    package func inspect() async throws(LoadBalancerError) {
        let keeper = try keeper()
        let (contents, view) = try await readFile()
        try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in try keeper.file.checkWritable() }
        }
        try await runtime.checkLevel()
        try view.check(running: try await runtime.servers())
        do throws(LoadBalancerError) {
            try await test(contents.bytes, keeper)
        } catch {
            guard case .rejected(let complaint) = error else { throw error }
            throw .misconfigured("the configuration as it stands is not valid:\n\(complaint)")
        }
    }

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        try check(split)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let keeper = try keeper()
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            let weights = try view.weights(for: split, remembered: remembered(keeper))
            return FileChange(
                path: contents.path,
                before: contents.bytes,
                after: try view.text(with: weights)
            )
        }
    }

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        let (_, view) = try await readFile()
        guard let names = view.names(of: environment) else {
            throw .misconfigured("\(name) has no environment \(environment)")
        }
        let sessions = try await runtime.sessions()
        return names.reduce(0) { $0 + sessions[$1, default: 0] }
    }

    // MARK: the mark

    package func mark() async throws(LoadBalancerError) -> BalancerMark {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in try keeper().mark() }
    }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        let keeper = try keeper()
        let lock = try await keeper.lock(within: Self.lockBudget)
        defer { lock.release() }
        return try await BlockingWork.run { () throws(LoadBalancerError) in
            let before = try keeper.mark(admitting: token)
            guard token > before.token else { return before }
            var raised = before
            raised.token = token
            raised.service = keeper.service
            try keeper.save(raised)
            return before
        }
    }

    func check(_ split: Split) throws(LoadBalancerError) {
        let known = settings.environments.map(\.name).sorted()
        guard split.environments == known else {
            let names = known.map(\.rawValue).joined(separator: " and ")
            throw .misconfigured("\(name) divides between \(names), not \(split)")
        }
    }

    /// The weights that servers had when they last had any: 0 % is the weight 0, which keeps no proportion.
    func remembered(_ keeper: MarkKeeper) -> [String: Int] {
        let path = keeper.file.sidePath("weights")
        return (try? keeper.file.value([String: Int].self, at: path)) ?? [:]
    }
}
