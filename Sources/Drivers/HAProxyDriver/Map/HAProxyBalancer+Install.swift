import BalancerFiles
import ChildProcesses
import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

extension HAProxyBalancer {
    package func installation() async throws(LoadBalancerError) -> Installation {
        let keeper = try keeper()
        guard let layout = try layout(keeper.file) else { return Installation() }
        try await checkLua()
        var seen: RuntimeView?
        do throws(LoadBalancerError) {
            seen = try await HAProxyRuntime(
                socket: settings.socket,
                backends: [settings.backend],
                map: (layout.sharePath, layout.key)
            ).look()
        } catch {
            // A HAProxy that does not run gets what its file asks for.
            guard case .unreachable = error else { throw error }
        }
        let (running, reload) = (seen, await wayToReload(seen))
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            let after = try installed(contents, view, layout, keeper)
            var changes = try sideFiles(layout, view, running, keeper)
            if after != contents.bytes {
                changes.append(FileChange(path: contents.path, before: contents.bytes, after: after))
            }
            return Installation(changes: changes, remarks: remarks(changes, running, reload))
        }
    }

    private func remarks(_ changes: [FileChange], _ seen: RuntimeView?, _ reload: WayToReload?) -> [String] {
        var remarks: [String] = []
        if changes.isEmpty {
            guard let seen, seen.shares == nil else { return [] }
            return ["HAProxy has not loaded this yet: reload it"]
        }
        switch (seen, reload) {
        case (nil, _): remarks.append("HAProxy does not run; it reads this when it starts")
        case (_, .command(let words)?):
            remarks.append("HAProxy is reloaded once, by `\(words.joined(separator: " "))`")
        case (_, .master(let process)?):
            remarks.append("HAProxy is reloaded once, by SIGUSR2 to its master process \(process)")
        case (_, nil):
            remarks.append(
                "bgdeploy cannot reload this HAProxy, which has no master process (`-W`), and the entry has no `reload:`; reload it yourself when this is written"
            )
        }
        let copies = settings.environments.map { "`\(settings.backend(of: $0))`" }.joined(separator: " and ")
        remarks.append(
            "requests are logged and counted under \(copies) from then on, not under `\(settings.backend)`"
        )
        remarks.append("health checks of `\(settings.backend)` are made by its copies too, once more each")
        return remarks
    }

    /// The share map, the users' map and the converter, as far as they are not there.
    private func sideFiles(
        _ layout: MapLayout,
        _ view: BackendView,
        _ seen: RuntimeView?,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> [FileChange] {
        func present(_ path: String) throws(LoadBalancerError) -> [UInt8] {
            try translated { () throws(FileProblem) in try keeper.file.side(path) } ?? []
        }
        var changes: [FileChange] = []
        let share = try present(layout.sharePath)
        if layout.code(in: share).flatMap(layout.split) == nil {
            let now = seen.flatMap { view.split(running: $0.servers[settings.backend] ?? []) } ?? view.split
            guard let now else {
                throw .misconfigured(
                    "no server of `\(settings.backend)` takes requests, so there is no split to keep"
                )
            }
            changes.append(
                FileChange(path: layout.sharePath, before: share, after: layout.text(layout.code(now)))
            )
        }
        if layout.users != nil, try present(layout.usersPath).isEmpty {
            changes.append(FileChange(path: layout.usersPath, before: [], after: UsersMap([]).text))
        }
        if layout.sticky != nil {
            let (script, wanted) = (try present(layout.scriptPath), BucketScript.text(layout.converter))
            if script != wanted {
                changes.append(FileChange(path: layout.scriptPath, before: script, after: wanted))
            }
        }
        return changes
    }

    /// Refuses a HAProxy that cannot compute the bucket of a user.
    private func checkLua() async throws(LoadBalancerError) {
        guard let sticky = settings.sticky else { return }
        let program = settings.test?.first { AtomicFile.name(of: $0).hasPrefix("haproxy") } ?? "haproxy"
        guard let outcome = try? await ShortCommand.run([program, "-vv"], deadline: 10_000),
            outcome.status == .exited(0), !outcome.output.contains("Built with Lua")
        else { return }
        throw .misconfigured(
            "this HAProxy is built without Lua (`\(program) -vv`), which keeps users where they are (\(sticky)): install a build with USE_LUA=1, or leave `sticky` out"
        )
    }

    // MARK: writing

    package func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError) {
        let keeper = try keeper()
        guard let layout = try layout(keeper.file), !installation.isComplete else { return }
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        var mark = try keeper.mark(admitting: token)
        let edits = try await BlockingWork.run { () throws(LoadBalancerError) in
            try keeper.edits(installation.changes)
        }
        mark.token = token
        mark.service = settings.service
        let configuration = edits.first { $0.path == keeper.file.path }
        if let configuration { mark.written = Digest.sha256(configuration.after) }
        let before = try? await runtime(nil).look()
        do throws(LoadBalancerError) {
            try await BlockingWork.run { [mark] () throws(LoadBalancerError) in
                for edit in edits where edit.path != keeper.file.path { try edit.write(keeper.file.folder) }
                try keeper.save(mark)
            }
            if let configuration {
                try await test(configuration.after, keeper)
                try await BlockingWork.run { () throws(LoadBalancerError) in
                    try configuration.write(keeper.file.folder)
                }
            }
            if let before { try await reload(before.process, layout) }
        } catch {
            try await takeBack(edits, keeper, because: error)
            throw error
        }
    }

    /// Removes what was installed, the configuration first.
    private func takeBack(
        _ edits: [HAProxyChange.FileEdit],
        _ keeper: MarkKeeper,
        because error: LoadBalancerError
    ) async throws(LoadBalancerError) {
        if case .unknown = error { return }
        let problem = await BlockingWork.run { () -> LoadBalancerError? in
            do throws(LoadBalancerError) {
                for edit in edits.reversed() {
                    try edit.takeBack(keeper.file.folder)
                    if edit.before == nil {
                        try translated { () throws(FileProblem) in try AtomicFile.remove(edit.path) }
                    }
                }
                return nil
            } catch {
                return error
            }
        }
        guard let problem else { return }
        throw .unknown("\(error.message)\nand it could not be taken back: \(problem.message)")
    }

    // MARK: the reload

    /// How this HAProxy can be made to read its files again.
    private enum WayToReload: Sendable {
        case command([String])
        case master(Int32)
    }

    private func wayToReload(_ seen: RuntimeView?) async -> WayToReload? {
        if let command = settings.reload { return .command(command) }
        guard let seen else { return nil }
        return await BlockingWork.run { MasterProcess.master(of: seen.process.id).map { .master($0) } }
    }

    /// Has HAProxy read its files, and returns when a new process answers that has them.
    ///
    /// Where it cannot be told to, all is in place, and ``installation()`` says what is left to do.
    private func reload(
        _ before: HAProxyProcess,
        _ layout: MapLayout
    ) async throws(LoadBalancerError) {
        guard let way = await wayToReload(try await runtime(nil).look()) else { return }
        switch way {
        case .master(let process):
            guard MasterProcess.reload(process) else {
                throw .forbidden(
                    "not allowed to signal HAProxy's master process \(process): give the entry a `reload:` command"
                )
            }
        case .command(let words): try await run(words)
        }
        try await awaitNewProcess(before, layout)
    }

    private func run(_ words: [String]) async throws(LoadBalancerError) {
        let line = words.joined(separator: " ")
        let outcome: ShortCommand.Outcome
        do throws(ShortCommandError) {
            outcome = try await ShortCommand.run(words, folder: settings.folder, deadline: 60_000)
        } catch {
            throw .misconfigured("\(error.message); the balancer's key `reload` names the command `\(line)`")
        }
        guard outcome.status == .exited(0) else {
            throw .notInForce("`\(line)` failed:\n\(outcome.output)")
        }
    }

    private func awaitNewProcess(
        _ before: HAProxyProcess,
        _ layout: MapLayout
    ) async throws(LoadBalancerError) {
        let runtime = runtime(layout)
        let end = MonotonicClock.milliseconds() + Self.reloadBudget
        while MonotonicClock.milliseconds() < end {
            if let seen = try? await runtime.look(), seen.process != before, !seen.isStopping,
                seen.shares != nil
            {
                return memory.withLock { $0.process = seen.process }
            }
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 20) }
        }
        throw .notInForce(
            "HAProxy was told to reload and no new process with the map answered within \(Self.reloadBudget / 1000) s; its log says why"
        )
    }

    /// In milliseconds; a large configuration takes seconds.
    private static let reloadBudget: Int64 = 30_000
}

extension MarkKeeper {
    /// The changes of an installation, upon files that are still as they were shown.
    fileprivate func edits(_ changes: [FileChange]) throws(LoadBalancerError) -> [HAProxyChange.FileEdit] {
        var edits: [HAProxyChange.FileEdit] = []
        for change in changes {
            var before: FileContents?
            do throws(FileProblem) {
                before = try SafeFile.read(change.path)
            } catch {
                guard case .missing = error else { throw LoadBalancerError(error) }
            }
            guard before?.bytes ?? [] == change.before else {
                let diff = UnifiedDiff.text(
                    before: change.before,
                    after: before?.bytes ?? [],
                    path: change.path
                )
                throw .drifted(file: change.path, diff: diff)
            }
            edits.append(HAProxyChange.FileEdit(path: change.path, before: before, after: change.after))
        }
        return edits
    }
}
