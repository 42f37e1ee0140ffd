import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

/// An HAProxy that divides the traffic by the weights of one backend's servers or by a map: set through its
/// socket, at once and without a reload, while its files are kept in step for the next one.
///
/// The files err to the stable environment at every instant: when the candidate gets more they are written
/// after the running HAProxy, when it gets less before it.
package final class HAProxyBalancer: LoadBalancer {
    package let settings: HAProxySettings
    let timekeeper: any Timekeeper
    let staged = StagedChanges<HAProxyChange>()
    let memory = Mutex(Memory())

    package init(_ settings: HAProxySettings, timekeeper: any Timekeeper) {
        self.settings = settings
        self.timekeeper = timekeeper
    }

    package var name: String { "haproxy \(settings.file)" }

    package var method: String {
        switch settings.mode {
        case .weights:
            "weights: requests divided by server weights through the socket, at once, no reload; one user may see both sides"
        case .map where settings.sticky != nil:
            "map: users divided by a hash of \(settings.sticky?.description ?? ""), exact to 0.1 %, at once, no reload; nobody moves back while a share grows"
        case .map: "map: requests divided by chance, exact to 0.1 %, at once, no reload"
        }
    }

    /// What was seen before, so that little has to be read again.
    struct Memory {
        /// Who answered when we last wrote, or first looked.
        var process: HAProxyProcess?
        var file: (stamp: FileStamp, digest: String, view: BackendView)?
        /// Digests of texts that HAProxy accepts and that have what the mode needs.
        var accepted: Set<String> = []
    }

    func keeper() throws(LoadBalancerError) -> MarkKeeper {
        try MarkKeeper(path: settings.file, entry: settings.backend, service: settings.service)
    }

    /// The names of mode `map`; `nil` in mode `weights`.
    func layout(_ file: MarkedFile) throws(LoadBalancerError) -> MapLayout? {
        settings.mode == .map ? try MapLayout(settings, file) : nil
    }

    func runtime(_ layout: MapLayout?) -> HAProxyRuntime {
        guard let layout else { return HAProxyRuntime(socket: settings.socket, backends: [settings.backend]) }
        return HAProxyRuntime(
            socket: settings.socket,
            backends: layout.environments.map(layout.backend(of:)),
            map: (layout.sharePath, layout.key)
        )
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        let layout = try layout(keeper.file)
        let (digest, view) = try await readFile(keeper.file)
        let seen = try await look(runtime(layout), layout)
        let observation = try observation(digest, view, seen, layout, keeper)
        guard let remark = await oldProcessesRemark(besides: seen.process.id) else { return observation }
        return BalancerObservation(
            split: observation.split,
            fileSplit: observation.fileSplit,
            fileDigest: observation.fileDigest,
            remarks: observation.remarks + [remark]
        )
    }

    /// The file as it is now, read only when it changed.
    func readFile(_ file: MarkedFile) async throws(LoadBalancerError) -> (String, BackendView) {
        let stamp = FileStamp(settled: file.path)
        if let stamp, let known = memory.withLock({ $0.file }), known.stamp == stamp {
            return (known.digest, known.view)
        }
        let (digest, view) = try await BlockingWork.run { [settings] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try file.read() }
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            return (contents.digest, view)
        }
        // A file that changed while it was read has another stamp next time.
        if let stamp { memory.withLock { $0.file = (stamp, digest, view) } }
        return (digest, view)
    }

    func observation(
        _ digest: String,
        _ view: BackendView,
        _ seen: RuntimeView,
        _ layout: MapLayout?,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> BalancerObservation {
        let running = view.running(seen)
        var (split, fileSplit) = (view.split(running: running), view.split)
        var remarks: [String] = []
        if let layout {
            guard seen.shares != nil else { throw .misconfigured(notLoaded(layout)) }
            split = self.split(running: seen, layout)
            fileSplit = try self.split(ofFile: layout, keeper)
            if fileSplit != split { remarks.append("\(layout.sharePath) asks for \(told(fileSplit))") }
            if fileSplit?.live != nil, view.split?.live != fileSplit?.live {
                remarks.append(
                    "the weights of `\(settings.backend)`, which nothing uses while mode map is installed, ask for \(told(view.split))"
                )
            }
        } else if split != fileSplit {
            remarks.append(
                "the file asks for \(told(fileSplit)): the next reload of HAProxy would bring that"
            )
        }
        let known = Set(view.names)
        for server in running where known.contains(server.name) && server.weight > 0 {
            if server.isInMaintenance { remarks.append("\(server.name) is in maintenance") }
            if server.isDraining { remarks.append("\(server.name) is set to drain") }
            if server.isDown { remarks.append("HAProxy's health check holds \(server.name) to be down") }
            if server.isWarmingUp {
                remarks.append(
                    "\(server.name) is warming up (slowstart) and gets less than its part until then"
                )
            }
        }
        if let text = view.remark(on: split) { remarks.append(text) }
        if seen.isStopping { remarks.append("HAProxy is stopping, and no other process answers yet") }
        if let text = foreignReload(seen, split) { remarks.append(text) }
        return BalancerObservation(split: split, fileSplit: fileSplit, fileDigest: digest, remarks: remarks)
    }

    /// What to say when another process answers than the one that we last wrote to, or first saw.
    private func foreignReload(_ seen: RuntimeView, _ split: Split?) -> String? {
        let before = memory.withLock { memory in
            if memory.process == nil { memory.process = seen.process }
            return memory.process
        }
        guard let before, before != seen.process else { return nil }
        return
            "HAProxy was reloaded by somebody at \(seen.process.startText) (process \(before.id), now \(seen.process.id)), which forgets what was set at its socket; it runs \(told(split))"
    }

    private func told(_ split: Split?) -> String { split?.description ?? "nothing that can be served" }

    package func inspect() async throws(LoadBalancerError) {
        let keeper = try keeper()
        let layout = try layout(keeper.file)
        let contents = try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in
                try keeper.file.checkWritable()
                return try keeper.file.read()
            }
        }
        let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
        let runtime = runtime(layout)
        let seen = try await look(runtime, layout, asAdmin: true)
        try view.check(running: view.running(seen))
        if let layout { try checkInstalled(contents, view, layout, keeper) }
        do throws(LoadBalancerError) {
            try await test(contents.bytes, outline: try view.outline, keeper)
        } catch {
            guard case .rejected(let complaint) = error else { throw error }
            throw .misconfigured("the configuration as it stands is not valid:\n\(complaint)")
        }
        memory.withLock { _ = $0.accepted.insert(contents.digest) }
    }

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        try check(split)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let keeper = try keeper()
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            let remembered = remembered(keeper, view, contents.digest)
            return FileChange(
                path: contents.path,
                before: contents.bytes,
                after: try view.text(with: try view.weights(for: split, remembered: remembered))
            )
        }
    }

    // MARK: the mark

    package func mark() async throws(LoadBalancerError) -> BalancerMark {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in try keeper().mark() }
    }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        try await keeper().raise(to: token)
    }

    func check(_ split: Split) throws(LoadBalancerError) {
        let known = settings.environments.map(\.name).sorted()
        guard split.environments == known else {
            let names = known.map(\.rawValue).joined(separator: " and ")
            throw .misconfigured("\(name) divides between \(names), not \(split)")
        }
        guard split.chosen == nil || settings.chosenUsers != nil && settings.mode == .map else {
            throw .misconfigured(
                "\(name) cannot send chosen users anywhere: that needs `mode: map` and users in `strategy.ab`"
            )
        }
    }

    /// The weights that servers had before bgdeploy changed them, of which only the proportion within an
    /// environment counts.
    ///
    /// What bgdeploy wrote itself is no news: 0 keeps no proportion, and small numbers only nearly.
    func remembered(_ keeper: MarkKeeper, _ view: BackendView, _ digest: String) -> [String: Int] {
        let path = keeper.file.sidePath("weights")
        let before = (try? keeper.file.value([String: Int].self, at: path)) ?? [:]
        let isOurs = !before.isEmpty && keeper.isOurs(digest: digest)
        return before.merging(view.proportions) { old, new in isOurs ? old : new }
    }
}
