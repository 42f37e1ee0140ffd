import BalancerFiles
package import DeployPorts
import DeployCore
import Glibc
import NginxConfig
import SafeFile
import Synchronization

/// What mode switchboard needs in the configuration once.
extension NginxSwitchboard {
    package func installation() async throws(LoadBalancerError) -> Installation {
        let keeper = try weights.keeper()
        let wanted = try await wanted(keeper)
        return Installation(changes: wanted.changes, remarks: wanted.plan.remarks)
    }

    /// Writes our files first, so that every file of the user's that includes them can be loaded at any
    /// moment; then that with the upstream, then the others.
    package func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError) {
        guard !installation.isComplete else { return }
        let keeper = try weights.keeper()
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let wanted = try await wanted(keeper)
        try checkAsked(installation, wanted.changes)
        try await prepareBoard(keeper, token)
        let written = try await BlockingWork.run { () throws(LoadBalancerError) in
            try Self.write(wanted, keeper)
        }
        do throws(LoadBalancerError) {
            try await weights.test()
            try await load()
        } catch {
            if let problem = await takeBack(written) {
                throw .unknown("\(error.message)\nand it could not be taken back: \(problem.message)")
            }
            throw error
        }
        try await proveInstalled()
    }

    /// Everything that should be there, and what of it is not.
    struct Wanted: Sendable {
        let plan: BoardPlan
        let tree: ConfigurationTree
        let record: BoardRecord
        let changes: [FileChange]
    }

    func wanted(_ keeper: MarkKeeper) async throws(LoadBalancerError) -> Wanted {
        let start = KnownConfiguration.time()
        let paths = try await configurationPaths()
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let tree = try ConfigurationTree(paths)
            let wanted = try wanted(keeper, tree)
            KnownConfiguration(tree, paths, of: self, keeper, askedAt: start)?.keep(by: keeper)
            return wanted
        }
    }

    /// The same without nginx where another run has asked it about this very configuration.
    private func wantedAsKnown(_ keeper: MarkKeeper) async throws(LoadBalancerError) -> Wanted {
        let known = try await BlockingWork.run { [self] () throws(LoadBalancerError) -> Wanted? in
            guard let known = KnownConfiguration.current(keeper, of: self) else { return nil }
            return try wanted(keeper, try ConfigurationTree(known.paths))
        }
        if let known { return known }
        return try await wanted(keeper)
    }

    private func wanted(_ keeper: MarkKeeper, _ tree: ConfigurationTree) throws(LoadBalancerError) -> Wanted {
        try checkPlain([keeper.file.path, board.folder, settings.upstream])
        var resolved = settings
        resolved.file = keeper.file.path
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        _ = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        let texts = BoardText(settings: resolved, names: names, folder: board.folder)
        let (http, server) = try texts.files(of: contents)
        let paths = BoardPlan.Paths(
            http: keeper.file.sidePath(BoardRecord.httpName),
            server: keeper.file.sidePath(BoardRecord.serverName)
        )
        let plan = try BoardPlan(resolved, names, paths, tree: tree)
        var changes: [FileChange] = []
        for (path, text) in [(paths.http, http), (paths.server, server)] {
            let before = try translated { () throws(FileProblem) in try keeper.file.side(path) } ?? []
            if before != text { changes.append(FileChange(path: path, before: before, after: text)) }
        }
        let users = plan.changes
        changes += users.filter { $0.path == keeper.file.path } + users.filter { $0.path != keeper.file.path }
        let record = BoardRecord(
            http: BoardRecord.Part(path: paths.http, digest: Digest.sha256(http)),
            server: BoardRecord.Part(path: paths.server, digest: Digest.sha256(server)),
            users: plan.userFiles
        )
        return Wanted(plan: plan, tree: tree, record: record, changes: changes)
    }

    /// What stands in a configuration file without quotes.
    private func checkPlain(_ words: [String]) throws(LoadBalancerError) {
        for word in words {
            let isPlain = word.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+@=~:%".contains($0))
            }
            guard isPlain else {
                throw .misconfigured(
                    "mode switchboard writes `\(word)` into nginx's configuration, which takes letters, digits and ._-+@=~: there; use another name, or mode weights"
                )
            }
        }
    }

    private func configurationPaths() async throws(LoadBalancerError) -> [String] {
        guard let text = try await weights.configurationText() else {
            do throws(LoadBalancerError) {
                try await weights.test()
            } catch {
                guard case .rejected(let complaint) = error else { throw error }
                throw .misconfigured("the configuration as it stands is not valid:\n\(complaint)")
            }
            throw .misconfigured(
                "mode switchboard has to see the whole configuration, and `test` is not a command with `-t` of which `-T` could be made; say something like [nginx, -c, /etc/nginx/nginx.conf, -t]"
            )
        }
        let mark = "# configuration file "
        return text.split(separator: "\n").filter { $0.hasPrefix(mark) && $0.hasSuffix(":") }
            .map { String($0.dropFirst(mark.count).dropLast()) }
    }

    // MARK: checking

    /// Fails unless the configuration has everything and nginx has loaded it.
    ///
    /// What it finds that should be recorded; `nil` when nothing has changed since it looked last. `isAsking` is
    /// whether nginx itself is asked what its configuration is, whatever another run has kept of that.
    @discardableResult
    func checkInstalled(
        _ keeper: MarkKeeper,
        isAsking: Bool
    ) async throws(LoadBalancerError) -> BoardRecord? {
        var record: BoardRecord?
        if seen.withLock({ $0?.isCurrent }) != true {
            let wanted = isAsking ? try await wanted(keeper) : try await wantedAsKnown(keeper)
            guard wanted.changes.isEmpty else {
                let list = wanted.changes.map(\.path).joined(separator: ", ")
                throw .misconfigured(
                    "mode switchboard is not installed as the playbook needs it now (\(list)): run `bgdeploy traffic install`; nothing was changed"
                )
            }
            seen.withLock { $0 = ConfigurationStamp(wanted.tree) }
            record = wanted.record
        }
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let master = try locator.master()
            guard try isLoaded(keeper, master) else {
                throw .misconfigured(
                    "mode switchboard is installed, and nginx has not loaded it: `nginx -s reload`; nothing was changed"
                )
            }
            try checkAccess(master)
        }
        return record
    }

    private func checkAccess(_ master: NginxMaster) throws(LoadBalancerError) {
        guard let worker = master.activeWorkers().first, let access = WorkerAccess(worker.id),
            let obstacle = access.obstacle(to: board.folder)
        else { return }
        throw .misconfigured(
            "nginx's workers may not look into \(obstacle), so they would not see a switch: `chmod +x \(obstacle)`, or name another folder with the balancer's key `directory`"
        )
    }

    private func checkAsked(_ asked: Installation, _ now: [FileChange]) throws(LoadBalancerError) {
        for change in now {
            let before = asked.changes.first { $0.path == change.path }
            guard before != change else { continue }
            let diff = UnifiedDiff.text(before: before?.before ?? [], after: change.before, path: change.path)
            throw .drifted(file: change.path, diff: diff)
        }
    }

    // MARK: writing

    /// The traffic stays as it is: the link begins where the weights that nginx runs are.
    private func prepareBoard(_ keeper: MarkKeeper, _ token: FencingToken) async throws(LoadBalancerError) {
        let mark = try keeper.mark(admitting: token)
        let present = board.current?.split(board.environments)
        let observed = present == nil ? try await weights.observeText(keeper).split : present
        guard let split = observed else {
            throw .misconfigured(
                "\(name) sends traffic to neither environment; put one of them in force first"
            )
        }
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in
                try board.prepare()
                for environment in board.environments { try board.make(set(allOn: environment), users: nil) }
                if let users = settings.chosenUsers { try board.make(users) }
                if present == nil {
                    let set = BoardSet(split, board.environments, stable: mark.stable, users: nil)
                    try board.make(set, users: nil)
                    try board.turn(to: set)
                }
                try board.sync()
            }
            var raised = mark
            raised.token = token
            raised.service = settings.service
            if raised.token != mark.token { try keeper.save(raised) }
            try checkAccess(try locator.master())
        }
    }

    func set(allOn environment: EnvironmentName) -> BoardSet {
        BoardSet(weights.split(allOn: environment), board.environments, stable: nil, users: nil)
    }

    private static func write(
        _ wanted: Wanted,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> BoardInstallation {
        var done = BoardInstallation(keeper: keeper, http: wanted.record.http.path)
        do throws(FileProblem) {
            for change in wanted.changes { try done.write(change) }
            try keeper.file.setValue(wanted.record, at: BoardRecord.path(keeper))
            // Workers that are younger than this file have loaded everything.
            try done.touch(nil)
            return done
        } catch {
            try? done.undo()
            throw LoadBalancerError(error)
        }
    }

    private func takeBack(_ written: BoardInstallation) async -> FileProblem? {
        await BlockingWork.run {
            do throws(FileProblem) {
                try written.undo()
                return nil
            } catch {
                return error
            }
        }
    }

    private func load() async throws(LoadBalancerError) {
        let reload = NginxReload(try locator.master(), errorLog: locator.errorLog, proof: nil)
        try await weights.trigger(reload)
        switch await reload.outcome(within: settings.reloadDeadline) {
        case .inForce: return
        case .refused(let complaint):
            throw .notInForce("nginx accepted the reload and kept its old configuration:\n\(complaint)")
        case .nothingHappened(let hint), .notServed(let hint):
            throw .notInForce("nginx was told to reload, and its old workers go on as before: \(hint)")
        case .halfway:
            throw .unknown("nginx started new workers, but old ones did not stop accepting in time")
        case .masterGone: throw .unknown("the nginx master ended during the reload")
        }
    }

    private func proveInstalled() async throws(LoadBalancerError) {
        guard let probe, let set = board.current else { return }
        let verdict = await probe.proof(within: settings.reloadDeadline) { set.isTold(by: $0) }
        guard case .unproven(let found) = verdict else { return }
        throw .unknown("the switchboard is installed and loaded, and cannot be seen: \(found)")
    }
}
