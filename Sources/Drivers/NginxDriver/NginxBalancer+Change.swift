import BalancerFiles
package import DeployPorts
package import DeployCore
import SafeFile
import Synchronization

/// A change that is in the file and not yet loaded.
struct NginxChange: Sendable {
    let keeper: MarkKeeper
    let before: FileContents
    let after: [UInt8]
    let afterDigest: String
    /// What runs while the change waits.
    let truth: NginxBalancer.TextInForce
    /// The mark as it was, but for the token.
    let markBefore: BalancerMark
    let previousBefore: [UInt8]?
    let splitBefore: Split?
    let split: Split
    let isReturn: Bool
    /// How long nginx takes to read its configuration, in milliseconds.
    var testTime = 0

    var changesText: Bool { after != before.bytes }
    var needsReload: Bool { changesText || !truth.isLoaded }
}

extension NginxBalancer {
    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        try check(split)
        let keeper = try keeper()
        let lock = try await keeper.lock(within: Self.lockBudget)
        defer { lock.release() }
        var change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try write(split, token, keeper, isReturn: isReturn)
        }
        if change.needsReload {
            do throws(LoadBalancerError) {
                change.testTime = try await test()
            } catch {
                try await takeBack(change, because: error)
                throw error
            }
        }
        let key = StagedSplit(balancer: name, split: split, token: token)
        let done = change
        staged.withLock { $0[key] = done }
        return key
    }

    package func commit(_ key: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        // Without the lock the change stays staged, so that it can still be ended.
        let lock = try await keeper.lock(within: Self.lockBudget)
        defer { lock.release() }
        guard let change = staged.withLock({ $0.removeValue(forKey: key) }) else {
            throw .misconfigured("\(key.split) was not staged at \(name), or was ended before")
        }
        let mark = try keeper.mark()
        guard mark.token <= key.token else { throw .fenced(seen: mark.token) }
        let now = try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in try keeper.file.read() }
        }
        guard now.digest == change.afterDigest || isBeside(change, now) else {
            let diff = UnifiedDiff.text(before: change.after, after: now.bytes, path: now.path)
            let drift = LoadBalancerError.drifted(file: now.path, diff: diff)
            try await takeBack(change, because: drift)
            throw drift
        }
        if change.needsReload { try await reload(change) }
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try finished(change, keeper)
        }
    }

    package func discard(_ key: StagedSplit) async {
        guard let change = staged.withLock({ $0.removeValue(forKey: key) }),
            let lock = try? await change.keeper.lock(within: Self.lockBudget)
        else { return }
        defer { lock.release() }
        guard let mark = try? change.keeper.mark(), mark.token <= key.token else { return }
        try? await takeBack(change, because: .unreachable("discarded"))
    }

    // MARK: parts

    /// Whether the text differs from ours only by a change of bgdeploy's to another upstream of the same file.
    private func isBeside(_ change: NginxChange, _ now: FileContents) -> Bool {
        guard change.keeper.isOurs(digest: now.digest) else { return false }
        let view = try? UpstreamView(now.bytes, path: now.path, settings: settings)
        return view?.split == change.split
    }

    /// The mark first, then the file: a crash between the two leaves a mark that fences and a file as it was.
    private func write(
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        isReturn: Bool
    ) throws(LoadBalancerError) -> NginxChange {
        let mark = try keeper.mark(admitting: token)
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        let after = try view.text(for: split)
        let truth = try inForce(contents, keeper, try locator.master())
        var raised = mark
        raised.token = token
        raised.service = settings.service
        let splitBefore = try? UpstreamView(truth.bytes, path: contents.path, settings: settings).split
        let change = NginxChange(
            keeper: keeper,
            before: contents,
            after: after,
            afterDigest: Digest.sha256(after),
            truth: truth,
            markBefore: raised,
            previousBefore: try keeper.previousText(mark),
            splitBefore: splitBefore,
            split: split,
            isReturn: isReturn
        )
        do throws(LoadBalancerError) {
            try save(change, token, mark)
        } catch {
            try? forget(change)
            throw error
        }
        return change
    }

    private func save(
        _ change: NginxChange,
        _ token: FencingToken,
        _ mark: BalancerMark
    ) throws(LoadBalancerError) {
        let keeper = change.keeper
        var opened = try keeper.opened(
            mark,
            token: token,
            from: change.splitBefore,
            text: change.truth.bytes,
            to: change.split,
            isReturn: change.isReturn,
            script: rescueScript(keeper)
        )
        opened.written = change.afterDigest
        guard change.changesText else { return try keeper.save(opened) }
        try translated { () throws(FileProblem) in
            try keeper.file.setSide(keeper.file.stagedPath, change.truth.bytes)
        }
        try keeper.save(opened)
        try translated(expected: change.before.bytes) { () throws(FileProblem) in
            try keeper.file.replace(with: change.after, expecting: change.before.digest)
        }
    }

    private func reload(_ change: NginxChange) async throws(LoadBalancerError) {
        let reload: NginxReload
        do throws(LoadBalancerError) {
            reload = NginxReload(try locator.master(), errorLog: locator.errorLog)
            try await trigger(reload)
        } catch {
            try await takeBack(change, because: error)
            throw error
        }
        let budget = settings.reloadDeadline + 20 * change.testTime
        let outcome = await reload.outcome(within: budget)
        guard outcome != .inForce else { return }
        let failure = failure(outcome)
        try await takeBack(change, because: failure)
        try await settle(after: outcome, reload, failure)
        throw failure
    }

    private func failure(_ outcome: NginxReload.Outcome) -> LoadBalancerError {
        switch outcome {
        case .inForce, .halfway:
            .notInForce("nginx started new workers, but old ones did not stop accepting in time")
        case .refused(let complaint):
            .notInForce("nginx accepted the reload and kept its old configuration:\n\(complaint)")
        case .nothingHappened(let hint):
            .notInForce("nginx was told to reload, and its old workers go on as before: \(hint)")
        case .masterGone: .unknown("the nginx master ended during the reload")
        }
    }

    /// After the file is back: whatever nginx still makes of the signal that it got, it must end with the old
    /// text, so it is told once more.
    private func settle(
        after outcome: NginxReload.Outcome,
        _ reload: NginxReload,
        _ failure: LoadBalancerError
    ) async throws(LoadBalancerError) {
        switch outcome {
        case .inForce, .refused, .masterGone: return
        case .nothingHappened: try? await trigger(reload)
        case .halfway:
            let again = NginxReload(reload.master, errorLog: nil)
            try? await trigger(again)
            guard await again.outcome(within: settings.reloadDeadline) == .inForce else {
                throw .unknown(failure.message)
            }
        }
    }

    /// The change is loaded: its traces go, and what is in force is read back.
    private func finished(
        _ change: NginxChange,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> BalancerObservation {
        try? keeper.file.setSide(keeper.file.stagedPath, nil)
        let contents: FileContents
        do throws(FileProblem) {
            contents = try keeper.file.read()
        } catch {
            throw .unknown("\(error.message) after the reload")
        }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        let observation = observation(contents, view, try inForce(contents, keeper, try locator.master()))
        guard observation.split == change.split else {
            throw .unknown("\(contents.path) was changed by somebody else while nginx loaded it")
        }
        return observation
    }

    /// Makes the file what it was, with its old time, so that it counts as loaded.
    ///
    /// An edit that somebody made meanwhile stays; only the shares in it are put back, if they are still
    /// ours.
    private func takeBack(
        _ change: NginxChange,
        because error: LoadBalancerError
    ) async throws(LoadBalancerError) {
        let problem: FileProblem? = await BlockingWork.run { [self] in
            do throws(FileProblem) {
                try putBack(change)
                return nil
            } catch {
                return error
            }
        }
        guard let problem else { return }
        throw .unknown("\(error.message)\nand the file could not be put back: \(problem.message)")
    }

    private func putBack(_ change: NginxChange) throws(FileProblem) {
        let file = change.keeper.file
        if change.changesText {
            let now = try file.read()
            if now.digest == change.afterDigest {
                try file.replace(
                    with: change.before.bytes,
                    expecting: now.digest,
                    modified: change.before.modified
                )
            } else if let view = try? UpstreamView(now.bytes, path: now.path, settings: settings),
                view.split == change.split, let old = change.splitBefore,
                let text = try? view.text(for: old)
            {
                try file.replace(with: text, expecting: now.digest)
            }
        }
        try forget(change)
    }

    /// Leaves nothing of the change beside the file but its token.
    private func forget(_ change: NginxChange) throws(FileProblem) {
        let file = change.keeper.file
        try change.keeper.close(change.markBefore, previous: change.previousBefore)
        if change.changesText, change.truth.isLoaded { try file.setSide(file.stagedPath, nil) }
    }
}
