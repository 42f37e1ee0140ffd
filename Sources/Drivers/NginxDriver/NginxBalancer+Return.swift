import BalancerFiles
import DeployCore
import DeployPorts
import SafeFile

/// The way back of a change that was staged and is not to be.
extension NginxBalancer {
    /// The reload that brings `bytes` into force, with all the evidence that there can be.
    func reload(to bytes: [UInt8], _ path: String) throws(LoadBalancerError) -> NginxReload {
        let master = try visibleMaster()
        let proof = generation(of: bytes, path).flatMap { name in
            probe.map { NginxReload.Proof(probe: $0, generation: name) }
        }
        guard master != nil || proof != nil else {
            throw .unreachable("no nginx master is visible, and the text has no generation to ask for")
        }
        return NginxReload(master, errorLog: locator.errorLog, proof: proof)
    }

    /// What the edit `now`, made after the change was staged, is called.
    func drift(of change: NginxChange, _ now: FileContents) -> LoadBalancerError {
        let diff = UnifiedDiff.text(before: change.after, after: now.bytes, path: now.path)
        guard settings.mode == .generated else { return .drifted(file: now.path, diff: diff) }
        return .notInForce(
            "\(now.path) is bgdeploy's as a whole and was edited after the change was staged; the edit is kept in \(editedPath(change.keeper)):\n\(diff)"
        )
    }

    private func editedPath(_ keeper: MarkKeeper) -> String { keeper.file.sidePath("edited") }

    /// Makes the file what it was, with its old time, so that it counts as loaded.
    ///
    /// An edit that somebody made meanwhile stays; only the shares in it are put back, if they are still
    /// ours. When nginx may have loaded the new text, because somebody else reloaded it, it is made to load
    /// the old one. `wasTold` says that it was told to load the new text, where nothing shows whether it did.
    func takeBack(
        _ change: NginxChange,
        because error: LoadBalancerError,
        wasTold: Bool = false
    ) async throws(LoadBalancerError) {
        var isLoaded = wasTold
        if !isLoaded { isLoaded = await mayBeLoaded(change, for: 0) }
        if let problem = await putBack(change, isLoaded: isLoaded) {
            throw .unknown("\(error.message)\nand the file could not be put back: \(problem.message)")
        }
        // A reload that began before the file was put back starts its workers after.
        if !isLoaded, await mayBeLoaded(change, for: 2 * change.testTime + 30) {
            isLoaded = true
            if let problem = await putBack(change, isLoaded: true) {
                throw .unknown("\(error.message)\nand the file could not be put back: \(problem.message)")
            }
        }
        if isLoaded { try await reloadOld(change, because: error) }
    }

    /// Whether nginx may have loaded the new text; looks again and again for `milliseconds`.
    private func mayBeLoaded(_ change: NginxChange, for milliseconds: Int) async -> Bool {
        guard change.changesText else { return false }
        let end = MonotonicClock.milliseconds() + Int64(milliseconds)
        while true {
            if await mayBeLoadedNow(change) { return true }
            guard MonotonicClock.milliseconds() < end else { return false }
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 10) }
        }
    }

    /// A worker that is younger than the text may have loaded it.
    private func mayBeLoadedNow(_ change: NginxChange) async -> Bool {
        let youngest = await BlockingWork.run { [self] in
            (try? visibleMaster())?.activeWorkers().map(\.started.upperBound).max()
        }
        if let youngest { return youngest >= change.written }
        guard let answer = try? await probe?.answer() else { return false }
        return answer == generation(of: change.after, change.before.path)
    }

    private func putBack(_ change: NginxChange, isLoaded: Bool) async -> FileProblem? {
        await BlockingWork.run { [self] in
            do throws(FileProblem) {
                // Until nginx has loaded the old text, the new one is in force, and that is how it is found.
                if change.changesText, !isLoaded {
                    try Withdrawal(written: change.written, loadTime: change.testTime).note(
                        change.keeper.file
                    )
                }
                if isLoaded { try change.keeper.file.setSide(change.keeper.file.stagedPath, change.after) }
                if change.changesText { try putBackText(change, isLoaded: isLoaded) }
                try forget(change, keepingStaged: isLoaded)
                return nil
            } catch {
                return error
            }
        }
    }

    private func putBackText(_ change: NginxChange, isLoaded: Bool) throws(FileProblem) {
        let file = change.keeper.file
        let now = try file.read()
        let old = change.before
        if now.digest == change.afterDigest || now.digest == old.digest {
            let modified = isLoaded ? nil : old.modified
            try file.replace(with: old.bytes, expecting: now.digest, modified: modified)
        } else if settings.mode == .generated {
            try file.setSide(editedPath(change.keeper), now.bytes)
            try file.replace(with: old.bytes, expecting: now.digest, modified: isLoaded ? nil : old.modified)
        } else if let view = try? settings.reading(now.bytes, path: now.path), view.split == change.split,
            let split = change.splitBefore, let text = try? view.text(for: split)
        {
            try file.replace(with: text, expecting: now.digest)
        }
    }

    private func reloadOld(
        _ change: NginxChange,
        because error: LoadBalancerError
    ) async throws(LoadBalancerError) {
        do throws(LoadBalancerError) {
            let again = try reload(to: change.before.bytes, change.before.path)
            try await trigger(again)
            let outcome = await again.outcome(within: budget(change))
            guard outcome == .inForce else { throw .unreachable("\(outcome)") }
        } catch let problem {
            throw .unknown(
                "\(error.message)\nThe new text was loaded meanwhile, and nginx did not load the old one again: \(problem.message)"
            )
        }
        try? change.keeper.file.setSide(change.keeper.file.stagedPath, nil)
        Withdrawal.settle(change.keeper.file)
    }

    /// Leaves nothing of the change beside the file but its token.
    func forget(_ change: NginxChange, keepingStaged: Bool = false) throws(FileProblem) {
        let file = change.keeper.file
        try change.keeper.close(change.markBefore, previous: change.previousBefore)
        if change.changesText, change.truth.isLoaded, !keepingStaged {
            try file.setSide(file.stagedPath, nil)
        }
    }
}
