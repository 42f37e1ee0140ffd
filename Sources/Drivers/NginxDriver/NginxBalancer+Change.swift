import BalancerFiles
package import DeployPorts
package import DeployCore
import SafeFile

/// A change that is in the file and not yet loaded.
struct NginxChange: Sendable {
    let keeper: MarkKeeper
    let before: FileContents
    let after: [UInt8]
    let afterDigest: String
    /// What runs while the change waits.
    let truth: NginxBalancer.TextInForce
    /// When the new text came to be the file's; workers that are younger may have loaded it.
    var written = FileTime(nanoseconds: .max)
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
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let sight = try await lookBeforeChange()
        var change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try Self.checkNoSwitchboard(keeper)
            return try write(split, token, keeper, sight, isReturn: isReturn)
        }
        if change.needsReload {
            do throws(LoadBalancerError) {
                change.testTime = try await test()
            } catch {
                try await takeBack(change, because: error)
                throw error
            }
        }
        return staged.keep(change, as: StagedSplit(balancer: name, split: split, token: token))
    }

    package func commit(_ key: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        // Without the lock the change stays staged, so that it can still be ended.
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let change = try staged.take(key, keeper)
        let now = try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in try keeper.file.read() }
        }
        guard now.digest == change.afterDigest || isBeside(change, now) else {
            let drift = drift(of: change, now)
            try await takeBack(change, because: drift)
            throw drift
        }
        if change.needsReload { try await reload(change) } else { try await verify(change) }
        return try await finished(change, keeper)
    }

    package func discard(_ key: StagedSplit) async {
        await staged.discard(key, at: \.keeper) { change in
            try? await takeBack(change, because: .unreachable("discarded"))
        }
    }

    // MARK: parts

    /// Whether the text differs from ours only by a change of bgdeploy's to another upstream of the same
    /// file.
    private func isBeside(_ change: NginxChange, _ now: FileContents) -> Bool {
        guard change.keeper.isOurs(digest: now.digest) else { return false }
        return settings.split(of: now.bytes, path: now.path) == change.split
    }

    /// The mark first, then the file: a crash between the two leaves a mark that fences and a file as it was.
    private func write(
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        _ sight: NginxSight,
        isReturn: Bool
    ) throws(LoadBalancerError) -> NginxChange {
        let mark = try keeper.mark(admitting: token)
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let after = try settings.reading(contents.bytes, path: contents.path).text(for: split)
        let truth = try inForce(contents, keeper, sight)
        var raised = mark
        raised.token = token
        raised.service = settings.service
        var change = NginxChange(
            keeper: keeper,
            before: contents,
            after: after,
            afterDigest: Digest.sha256(after),
            truth: truth,
            markBefore: raised,
            previousBefore: try keeper.previousText(mark),
            splitBefore: truth.other.map { Generation($0)?.split }
                ?? settings.split(of: truth.bytes, path: contents.path),
            split: split,
            isReturn: isReturn
        )
        do throws(LoadBalancerError) {
            try save(change, token, mark)
            if change.changesText {
                // Not known: then every worker may have loaded it.
                change.written = (try? keeper.file.read())?.modified ?? FileTime(nanoseconds: 0)
            }
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
            reload = try self.reload(to: change.after, change.before.path)
            try await trigger(reload)
        } catch {
            try await takeBack(change, because: error)
            throw error
        }
        let outcome = await reload.outcome(within: budget(change))
        guard outcome != .inForce else { return }
        let failure = failure(outcome)
        try await takeBack(change, because: failure, wasTold: reload.master == nil)
        // Whatever a master that hangs still makes of the signal that it got, it must end with the old text.
        if case .nothingHappened = outcome { try? await trigger(reload) }
        throw failure
    }

    /// What is said to be in force already has to be seen: by its workers, or by the same proof as after a
    /// reload.
    private func verify(_ change: NginxChange) async throws(LoadBalancerError) {
        let evidence = try reload(to: change.after, change.before.path)
        guard evidence.master == nil else { return }
        guard case .notServed(let found) = await evidence.outcome(within: budget(change)) else { return }
        throw .unknown("nothing had to be loaded, and nginx does not serve the text: \(found)")
    }

    /// In milliseconds: a configuration that takes long to test takes long to load.
    func budget(_ change: NginxChange) -> Int { settings.reloadDeadline + 20 * change.testTime }

    private func failure(_ outcome: NginxReload.Outcome) -> LoadBalancerError {
        switch outcome {
        case .inForce, .halfway:
            .notInForce("nginx started new workers, but old ones did not stop accepting in time")
        case .refused(let complaint):
            .notInForce("nginx accepted the reload and kept its old configuration:\n\(complaint)")
        case .nothingHappened(let hint):
            .notInForce("nginx was told to reload, and its old workers go on as before: \(hint)")
        case .notServed(let found):
            .notInForce("nginx was told to reload, and does not serve the new text: \(found)")
        case .masterGone: .unknown("the nginx master ended during the reload")
        }
    }

    /// The change is loaded: its traces go, and what is in force is read back.
    private func finished(
        _ change: NginxChange,
        _ keeper: MarkKeeper
    ) async throws(LoadBalancerError) -> BalancerObservation {
        try? keeper.file.setSide(keeper.file.stagedPath, nil)
        if change.needsReload { Withdrawal.settle(keeper.file) }
        let observation: BalancerObservation
        do throws(LoadBalancerError) {
            observation = try await readBack(keeper, try await look())
        } catch {
            throw .unknown("\(error.message) after the reload")
        }
        guard observation.split == change.split else {
            throw .unknown("\(change.before.path) was changed by somebody else while nginx loaded it")
        }
        return observation
    }
}
