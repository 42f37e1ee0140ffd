import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile

/// An nginx that is changed by a file and a reload: the weights of an `upstream` block of the user's, edited
/// in place, or a file of bgdeploy's own.
package final class NginxBalancer: LoadBalancer {
    package let settings: NginxSettings
    let timekeeper: any Timekeeper
    let staged = StagedChanges<NginxChange>()

    package init(_ settings: NginxSettings, timekeeper: any Timekeeper) {
        self.settings = settings
        self.timekeeper = timekeeper
    }

    package var name: String { "nginx \(settings.file)" }

    package var method: String {
        let cost = "takes a reload for each change, about 0.15 s, which closes idle keep-alive connections"
        switch settings.mode {
        case .generated: return "generated: the file is bgdeploy's as a whole; \(cost)"
        case .weights, .switchboard:
            return "weights: edits the weights of upstream `\(settings.upstream)`; \(cost)"
        }
    }

    var locator: NginxLocator { NginxLocator(settings: settings) }

    func keeper() throws(LoadBalancerError) -> MarkKeeper {
        if settings.mode == .generated, isFileMissing {
            throw .misconfigured("\(settings.file) does not exist yet: `bgdeploy traffic install` writes it")
        }
        return try MarkKeeper(path: settings.file, entry: settings.upstream, service: settings.service)
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        let switchboard = try await BlockingWork.run { () throws(LoadBalancerError) in
            try Self.switchboardRemark(keeper)
        }
        let seen = try await observeText(keeper)
        guard let switchboard else { return seen }
        return BalancerObservation(
            split: nil,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: seen.remarks + [switchboard]
        )
    }

    /// What the text alone makes nginx do; the switchboard looks this way at the weights under it.
    func observeText(_ keeper: MarkKeeper) async throws(LoadBalancerError) -> BalancerObservation {
        let sight = try await look()
        let seen = try await readBack(keeper, sight)
        let remark = await BlockingWork.run { [self] in oldWorkersRemark(sight.master) }
        return BalancerObservation(
            split: seen.split,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: seen.remarks + (remark.map { [$0] } ?? [])
        )
    }

    /// What the file and `sight` tell of the split.
    func readBack(
        _ keeper: MarkKeeper,
        _ sight: NginxSight
    ) async throws(LoadBalancerError) -> BalancerObservation {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try settings.reading(contents.bytes, path: contents.path)
            return observation(contents, view, try inForce(contents, keeper, sight), sight)
        }
    }

    package func inspect() async throws(LoadBalancerError) {
        let keeper = try keeper()
        try await BlockingWork.run { () throws(LoadBalancerError) in
            try Self.checkNoSwitchboard(keeper)
        }
        try await inspectText(keeper)
    }

    /// Whether the text could be changed, whatever divides the traffic by now.
    func inspectText(_ keeper: MarkKeeper) async throws(LoadBalancerError) {
        let sight = try await lookBeforeChange()
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try settings.reading(contents.bytes, path: contents.path)
            if settings.mode == .generated {
                _ = try view.text(for: split(allOn: settings.environments[0].name))
            }
            try translated { () throws(FileProblem) in try keeper.file.checkWritable() }
            if reloadCommand == nil, let master = sight.master { try checkSignal(master) }
            _ = try inForce(contents, keeper, sight)
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
            if settings.mode == .generated, isFileMissing {
                let text = try GeneratedText.bytes(for: split, settings)
                return FileChange(path: settings.file, before: [], after: text)
            }
            let contents = try translated { () throws(FileProblem) in try SafeFile.read(settings.file) }
            let view = try settings.reading(contents.bytes, path: contents.path)
            return FileChange(path: contents.path, before: contents.bytes, after: try view.text(for: split))
        }
    }

    // MARK: the mark

    package func mark() async throws(LoadBalancerError) -> BalancerMark {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            if settings.mode == .generated, isFileMissing { return .none }
            return try keeper().mark()
        }
    }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        try await keeper().raise(to: token)
    }

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        guard let spec = settings.environments.first(where: { $0.name == environment }) else {
            throw .misconfigured("\(name) has no environment \(environment)")
        }
        let addresses = spec.servers.map(ServerAddress.init)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let owners: OpenConnections.Owners?
            do throws(LoadBalancerError) {
                guard let master = try visibleMaster() else { throw .misconfigured(notCounted) }
                owners = OpenConnections.Owners(ids: master.workers().map(\.id), parent: master.process.id)
            } catch {
                // With nginx gone, what others still have open is all that there is.
                guard case .unreachable = error else { throw error }
                owners = nil
            }
            return OpenConnections.count(to: addresses, of: owners)
        }
    }

    /// The kernel tells of the connections in one's own network alone.
    private var notCounted: String {
        "no nginx master is visible from here, so the connections of \(name) cannot be counted; let the application tell them (`drain: connections`)"
    }

    /// Everything on `environment`, which is one of ours.
    func split(allOn environment: EnvironmentName) -> Split {
        let names = settings.environments.map(\.name)
        return Split(environment, .full, other: names[0] == environment ? names[1] : names[0])
    }

    func check(_ split: Split) throws(LoadBalancerError) {
        let known = settings.environments.map(\.name).sorted()
        guard split.environments == known else {
            throw .misconfigured(
                "\(name) divides between \(known.map(\.rawValue).joined(separator: " and ")), not \(split)"
            )
        }
        guard split.chosen == nil || settings.mode.knowsUsers else {
            throw .misconfigured(
                "\(name) is in `mode: weights` and does not know users, so \(split) is beyond it; say `mode: generated` or `mode: switchboard` in the playbook"
            )
        }
    }
}
