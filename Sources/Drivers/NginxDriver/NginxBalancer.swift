import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

/// An nginx that divides the traffic by the weights of one `upstream` block, changed by editing the file in
/// place and reloading.
package final class NginxBalancer: LoadBalancer {
    package let settings: NginxSettings
    let timekeeper: any Timekeeper
    let staged = Mutex<[StagedSplit: NginxChange]>([:])

    package init(_ settings: NginxSettings, timekeeper: any Timekeeper) {
        self.settings = settings
        self.timekeeper = timekeeper
    }

    package var name: String { "nginx \(settings.file)" }

    var locator: NginxLocator { NginxLocator(settings: settings) }

    func keeper() throws(LoadBalancerError) -> MarkKeeper {
        try MarkKeeper(path: settings.file, entry: settings.upstream, service: settings.service)
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let keeper = try keeper()
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
            let truth = try inForce(contents, keeper, try locator.master())
            return observation(contents, view, truth)
        }
    }

    /// The text that nginx runs with, as well as it can be told.
    struct TextInForce {
        let bytes: [UInt8]
        /// Whether nginx has loaded the file since it was last changed.
        let isLoaded: Bool
        /// Whether `bytes` is known to be what runs.
        let isKnown: Bool
    }

    /// A worker is younger than the file that it was started with.
    ///
    /// The text that was in force when an unfinished change was begun stays in force until there are workers
    /// younger than that.
    func inForce(
        _ contents: FileContents,
        _ keeper: MarkKeeper,
        _ master: NginxMaster
    ) throws(LoadBalancerError) -> TextInForce {
        let oldest = master.activeWorkers().map(\.started.upperBound).min()
        guard let oldest else {
            throw .unreachable("nginx's master runs, process \(master.process.id), but no worker does")
        }
        guard oldest < contents.modified else {
            return TextInForce(bytes: contents.bytes, isLoaded: true, isKnown: true)
        }
        let staged = try? SafeFile.read(keeper.file.stagedPath)
        guard let staged, oldest < staged.modified else {
            return TextInForce(bytes: contents.bytes, isLoaded: false, isKnown: false)
        }
        return TextInForce(bytes: staged.bytes, isLoaded: false, isKnown: true)
    }

    func observation(
        _ contents: FileContents,
        _ view: UpstreamView,
        _ truth: TextInForce
    ) -> BalancerObservation {
        var remarks: [String] = []
        var split = view.split
        if !truth.isLoaded {
            remarks.append("\(contents.path) was changed after nginx last loaded it")
        }
        if truth.isKnown, truth.bytes != contents.bytes {
            split = (try? UpstreamView(truth.bytes, path: contents.path, settings: settings))?.split
            remarks.append(
                "a change was begun and not finished: the next reload of nginx would bring it into force"
            )
        }
        return BalancerObservation(
            split: split,
            fileSplit: view.split,
            fileDigest: contents.digest,
            remarks: remarks
        )
    }

    package func inspect() async throws(LoadBalancerError) {
        let keeper = try keeper()
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            _ = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
            try translated { () throws(FileProblem) in try keeper.file.checkWritable() }
            let master = try locator.master()
            if reloadCommand == nil { try checkSignal(master) }
            _ = try inForce(contents, keeper, master)
        }
        do throws(LoadBalancerError) {
            try await test()
        } catch {
            guard case .rejected(let complaint) = error else { throw error }
            throw .misconfigured("the configuration as it stands is not valid:\n\(complaint)")
        }
        try await checkIncluded(keeper.file.path)
    }

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        try check(split)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try SafeFile.read(settings.file) }
            let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
            return FileChange(path: contents.path, before: contents.bytes, after: try view.text(for: split))
        }
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

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        guard let spec = settings.environments.first(where: { $0.name == environment }) else {
            throw .misconfigured("\(name) has no environment \(environment)")
        }
        let addresses = spec.servers.map(ServerAddress.init)
        return await BlockingWork.run { OpenConnections.count(to: addresses) }
    }

    /// How long another process may hold the lock, in milliseconds.
    static let lockBudget = 5000

    func check(_ split: Split) throws(LoadBalancerError) {
        let known = settings.environments.map(\.name).sorted()
        guard split.environments == known else {
            throw .misconfigured(
                "\(name) divides between \(known.map(\.rawValue).joined(separator: " and ")), not \(split)"
            )
        }
    }
}
