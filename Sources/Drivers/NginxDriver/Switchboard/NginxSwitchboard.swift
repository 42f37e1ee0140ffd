import BalancerFiles
package import DeployCore
package import DeployPorts
import Glibc
import SafeFile
import Synchronization

/// An nginx that divides the traffic by a link that its workers look behind for each request, so that a
/// change is one rename and no reload.
///
/// Installed once (``BoardPlan``, ``BoardText``). The user's `upstream` block stays, and its weights follow
/// every switch: they count while the link is missing, and for whoever goes back to mode weights. Raising the
/// candidate moves the link first and the weights then, lowering it the other way round, so that what is left
/// by a crash between the two never gives the candidate more than it was to have.
///
/// A pool belongs to one environment and has no fallback, with one exception: while the traffic is divided,
/// the candidate's requests go to the stable environment when the candidate refuses them. Never the other way
/// round, as the candidate may be anything.
package final class NginxSwitchboard: LoadBalancer {
    package let settings: NginxSettings
    let timekeeper: any Timekeeper
    /// The same nginx by its weights: its file, its processes and its commands.
    let weights: NginxBalancer
    let names: BoardNames
    let board: Board
    let staged = StagedChanges<BoardChange>()
    /// The configuration that was seen to have everything.
    let seen = Mutex<ConfigurationStamp?>(nil)

    package init(_ settings: NginxSettings, timekeeper: any Timekeeper) {
        self.settings = settings
        self.timekeeper = timekeeper
        var plain = settings
        (plain.mode, plain.probe, plain.sticky, plain.chosenUsers) = (.weights, nil, nil, nil)
        weights = NginxBalancer(plain, timekeeper: timekeeper)
        names = BoardNames(settings)
        let folder = settings.directory ?? Self.usualFolder(settings, isRoot: geteuid() == 0)
        board = Board(folder: folder, environments: settings.environments.map(\.name))
    }

    package var name: String { weights.name }

    package var method: String {
        var text = "switchboard: no reload, a link is renamed and nothing is cut"
        if let sticky = settings.sticky { text += "; users stay where they are, by \(sticky)" }
        if let users = settings.chosenUsers {
            text += "; \(users.values.count) chosen users, by \(users.key)"
        }
        return text
    }

    /// On a disk that outlives a restart, and where nginx's workers may look: `/var/lib/bgdeploy` itself is
    /// closed to them, and one host may run several nginx for one service.
    private static func usualFolder(_ settings: NginxSettings, isRoot: Bool) -> String {
        let file = (try? SafeFile.resolve(settings.file)) ?? settings.file
        guard isRoot else {
            return "\(AtomicFile.folder(of: file))/.bgdeploy/\(settings.service).switchboard"
        }
        let digest = Digest.sha256(Array("\(file) \(settings.upstream)".utf8)).prefix(8)
        return "/var/lib/bgdeploy-switchboard/\(settings.service)-\(digest)"
    }

    // MARK: looking

    package func observe() async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try weights.keeper()
        guard let record = try await readyRecord(keeper) else {
            let plain = try await weights.observeText(keeper)
            let remark =
                "mode switchboard is not installed here, so the weights count: `bgdeploy traffic install`"
            return BalancerObservation(
                split: plain.split,
                fileSplit: plain.fileSplit,
                fileDigest: plain.fileDigest,
                remarks: plain.remarks + [remark]
            )
        }
        let seen = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let master = try locator.master()
            let remark = weights.oldWorkersRemark(master)
            return try readBack(keeper, record, master, remarks: remark.map { [$0] } ?? [])
        }
        return await asked(seen)
    }

    /// With what nginx itself answers, where it may be asked: it may look at another folder than we do.
    private func asked(_ seen: BalancerObservation) async -> BalancerObservation {
        guard let probe, let set = board.current else { return seen }
        var (split, remarks) = (seen.split, seen.remarks)
        do throws(ServedProbe.Silence) {
            let answer = try await probe.answer()
            guard !set.isTold(by: answer), board.current == set else { return seen }
            let other = answer.split(whereSeparator: \.isWhitespace).first.flatMap {
                BoardSet(named: String($0))
            }
            split = other?.split(board.environments)
            remarks.append(
                "nginx sees another switchboard than \(board.folder): it answers `\(answer.prefix(200))`"
            )
        } catch {
            remarks.append("nginx does not answer what it sees: \(error.reason)")
        }
        return BalancerObservation(
            split: split,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: remarks
        )
    }

    var locator: NginxLocator { weights.locator }

    /// What was installed, if nginx's configuration still has it and has loaded it.
    private func readyRecord(_ keeper: MarkKeeper) async throws(LoadBalancerError) -> BoardRecord? {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            guard let record = try record(keeper), record.isWired else { return nil }
            return try isLoaded(keeper, try locator.master()) ? record : nil
        }
    }

    func record(_ keeper: MarkKeeper) throws(LoadBalancerError) -> BoardRecord? {
        try translated { () throws(FileProblem) in
            try keeper.file.value(BoardRecord.self, at: BoardRecord.path(keeper))
        }
    }

    /// Whether every worker is younger than what was installed last.
    func isLoaded(_ keeper: MarkKeeper, _ master: NginxMaster) throws(LoadBalancerError) -> Bool {
        guard let oldest = master.activeWorkers().map(\.started.upperBound).min() else {
            throw .unreachable("nginx's master runs, process \(master.process.id), but no worker does")
        }
        let path = keeper.file.sidePath(BoardRecord.httpName)
        guard let installed = FileStamp(path)?.modified else { return false }
        return oldest >= installed
    }

    /// What the link and the weights say now; nginx is known to look at them.
    func readBack(
        _ keeper: MarkKeeper,
        _ record: BoardRecord,
        _ master: NginxMaster,
        remarks before: [String] = []
    ) throws(LoadBalancerError) -> BalancerObservation {
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        var remarks = before + record.driftedFiles.map { "\($0) was changed by somebody else" }
        guard let set = board.current else {
            remarks.append("\(board.curPath) is missing, so the weights that nginx loaded last count")
            return BalancerObservation(
                split: view.split,
                fileSplit: view.split,
                fileDigest: contents.digest,
                remarks: remarks
            )
        }
        let isWhole = board.isWhole(set)
        if !isWhole {
            remarks.append(
                "\(board.folder)/sets/\(set.name) was changed by somebody else; its files are not what its name says"
            )
        }
        let split = set.split(board.environments)
        let hasWeights = try weightsText(view, split, try keeper.mark().stable) == contents.bytes
        if !hasWeights {
            remarks.append(
                "\(board.curPath) says \(split), and the weights in \(contents.path) do not: a switch was not finished, or somebody changed one of them"
            )
        }
        return BalancerObservation(
            split: isWhole ? split : nil,
            fileSplit: hasWeights ? split : view.split,
            fileDigest: contents.digest,
            remarks: remarks
        )
    }

    package func inspect() async throws(LoadBalancerError) {
        let keeper = try weights.keeper()
        try await weights.inspectText(keeper)
        try await checkInstalled(keeper, isAsking: true)
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            guard access(board.folder, W_OK | X_OK) == 0 else {
                throw .forbidden("not allowed to change \(board.folder); nothing was changed")
            }
        }
        guard let probe, let set = board.current else { return }
        do throws(ServedProbe.Silence) {
            let answer = try await probe.answer()
            guard set.isTold(by: answer) else {
                throw ServedProbe.Silence(
                    reason: "\(probe.url) answers `\(answer.prefix(200))`, not `\(set.name)`"
                )
            }
        } catch {
            throw .misconfigured("`probe`: \(error.reason); nothing was changed")
        }
    }

    var probe: ServedProbe? { settings.probe.flatMap { ServedProbe($0) } }

    // MARK: the weights

    package func render(_ split: Split) async throws(LoadBalancerError) -> FileChange {
        try check(split)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            let contents = try translated { () throws(FileProblem) in try SafeFile.read(settings.file) }
            let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
            let stable = try (try? weights.keeper())?.mark().stable
            let after = try weightsText(view, split, stable)
            return FileChange(path: contents.path, before: contents.bytes, after: after)
        }
    }

    /// The user's file with the weights for `split`; all on the stable environment where weights cannot say
    /// it, as with `ip_hash`.
    func weightsText(
        _ view: UpstreamView,
        _ split: Split,
        _ stable: EnvironmentName?
    ) throws(LoadBalancerError) -> [UInt8] {
        do throws(LoadBalancerError) {
            return try view.text(for: split)
        } catch {
            guard split.live == nil else { throw error }
            let larger = split.share >= split.share.rest ? split.environment : split.other
            return try view.text(for: weights.split(allOn: stable ?? larger))
        }
    }

    func check(_ split: Split) throws(LoadBalancerError) {
        try weights.check(Split(split.environment, split.share, other: split.other))
        guard split.chosen == nil || settings.chosenUsers != nil else {
            throw .misconfigured(
                "the playbook chooses no users (`strategy.ab`), so \(split) is beyond \(name)"
            )
        }
    }

    // MARK: the rest

    package func mark() async throws(LoadBalancerError) -> BalancerMark { try await weights.mark() }

    package func raiseMark(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        try await weights.raiseMark(to: token)
    }

    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        try await weights.connections(to: environment)
    }
}

extension BoardSet {
    /// Whether a probe's answer begins with the name of this set.
    func isTold(by answer: String) -> Bool {
        answer.split(whereSeparator: \.isWhitespace).first.map { $0 == name } ?? false
    }
}
