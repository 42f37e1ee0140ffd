import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

extension NginxSwitchboard {
    /// Needs no space on the disk, no name server and no `nginx -t`.
    ///
    /// When the configuration no longer goes through the switchboard, the weights are put back, with a
    /// reload. On `.unknown` the link and, as far as possible, the weights are on the stable environment.
    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try weights.keeper()
        guard let record = try record(keeper), record.isWired else {
            return try await weights.restore(by: actor, reason: reason)
        }
        let lock = try await keeper.lockInEmergency()
        defer { lock.release() }
        let emergency = BalancerMark.Emergency(by: actor, reason: reason, at: timekeeper.now())
        let (set, remarks) = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try turnToStable(keeper, emergency)
        }
        if let probe {
            let verdict = await probe.proof(within: settings.reloadDeadline) { set.isTold(by: $0) }
            if case .unproven(let found) = verdict {
                throw .unknown(
                    "\(board.curPath) is back on \(back(set)), and nginx does not see it: \(found)"
                )
            }
        }
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            do throws(LoadBalancerError) {
                let master = try locator.master()
                guard try isLoaded(keeper, master) else {
                    throw .unreachable("nginx has not loaded the switchboard: `nginx -s reload`")
                }
                return try readBack(keeper, record, master, remarks: remarks)
            } catch {
                throw .unknown("\(board.curPath) is back on \(back(set)), but \(error.message)")
            }
        }
    }

    private func back(_ set: BoardSet) -> String { "\(set.split(board.environments))" }

    private func turnToStable(
        _ keeper: MarkKeeper,
        _ emergency: BalancerMark.Emergency
    ) throws(LoadBalancerError) -> (set: BoardSet, remarks: [String]) {
        var mark = try keeper.mark()
        guard let stable = mark.stable else {
            throw .misconfigured(
                "\(keeper.file.markPath) does not tell which environment was live before: bgdeploy has not moved traffic here. Name it yourself, such as `bgdeploy traffic set \(board.environments[0])=100`"
            )
        }
        guard board.environments.contains(stable) else {
            throw .misconfigured("\(keeper.file.markPath) names \(stable), which the playbook does not have")
        }
        let set = set(allOn: stable)
        mark.token = FencingToken(epoch: mark.token.epoch + 1, counter: mark.token.counter)
        mark.emergency = emergency
        var remarks: [String] = []
        do throws(LoadBalancerError) {
            try keeper.saveInEmergency(mark)
        } catch {
            remarks.append(
                "the mark could not be written, so a run that is under way may undo this: \(error.message)"
            )
        }
        // Last week's set may have been tampered with; without space the one that is there has to do.
        try? board.make(set, users: nil)
        if board.current != set, !board.turnBack(to: set) {
            try translated { () throws(FileProblem) in try board.turn(to: set) }
        }
        try? board.sync()
        try? board.prepareBack(to: set)
        do throws(LoadBalancerError) {
            try restoreWeights(keeper, mark, stable)
        } catch {
            remarks.append("the weights could not be put back: \(error.message)")
        }
        return (set, remarks)
    }

    private func restoreWeights(
        _ keeper: MarkKeeper,
        _ mark: BalancerMark,
        _ stable: EnvironmentName
    ) throws(LoadBalancerError) {
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        let text = try view.text(for: weights.split(allOn: stable))
        guard text != contents.bytes else { return }
        try translated(expected: contents.bytes) { () throws(FileProblem) in
            try keeper.file.replaceInEmergency(with: text, expecting: contents.digest)
        }
        seen.withLock { $0?.renew(contents.path) }
    }
}
