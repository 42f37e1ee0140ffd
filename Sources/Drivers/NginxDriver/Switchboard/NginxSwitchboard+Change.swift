import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

/// A change that is made ready: the folder for it is there, and nothing points to it.
struct BoardChange: Sendable {
    let keeper: MarkKeeper
    let record: BoardRecord
    let set: BoardSet
    let split: Split
    /// The user's file when the change was staged.
    let contents: FileContents
    /// The mark as it was, but for the token.
    let markBefore: BalancerMark
    let previousBefore: [UInt8]?
    let stable: EnvironmentName?
    /// Whether the candidate gets more than it has.
    let isRaise: Bool
}

extension NginxSwitchboard {
    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        try check(split)
        let keeper = try weights.keeper()
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        // Told first: who was overtaken has no business with the rest.
        _ = try keeper.mark(admitting: token)
        let record = try await checkedRecord(keeper, isReturn: isReturn)
        let change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try prepare(split, token, keeper, record, isReturn: isReturn)
        }
        return staged.keep(change, as: StagedSplit(balancer: name, split: split, token: token))
    }

    package func commit(_ key: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try weights.keeper()
        // Without the lock the change stays staged, so that it can still be ended.
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let change = try staged.take(key, keeper)
        let before = board.current
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try checkDrift(change)
            // A weight that cannot be written does not keep the traffic from going back.
            if !change.isRaise { try? writeWeights(change) }
            do throws(LoadBalancerError) {
                try turn(change)
            } catch {
                try? keeper.close(change.markBefore, previous: change.previousBefore)
                throw error
            }
        }
        try await prove(change, from: before)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            if change.isRaise {
                do throws(LoadBalancerError) {
                    try writeWeights(change)
                } catch {
                    try goBack(change, to: before, because: error.message)
                }
            }
            // The links last from here on; a disk that fails now changes nothing of what nginx does.
            try? board.sync()
            return try finished(change)
        }
    }

    package func discard(_ key: StagedSplit) async {
        await staged.discard(key, at: \.keeper) { change in
            try? change.keeper.close(change.markBefore, previous: change.previousBefore)
        }
    }

    // MARK: staging

    /// The way back is not barred by what an edit of the user's lacks: only by a configuration that no longer
    /// goes through the switchboard at all.
    private func checkedRecord(
        _ keeper: MarkKeeper,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> BoardRecord {
        let wanted = isReturn ? nil : try await checkInstalled(keeper, isAsking: false)
        return try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            if let wanted, try record(keeper) != wanted {
                try translated { () throws(FileProblem) in
                    try keeper.file.setValue(wanted, at: BoardRecord.path(keeper))
                }
            }
            let record = try record(keeper)
            // On the way forward all of this has just been looked at.
            if !isReturn, let record { return record }
            guard let record, record.isWired, try isLoaded(keeper, try locator.master()) else {
                throw .misconfigured(
                    "nginx's configuration does not go through the switchboard any more, or nginx has not loaded it; run `bgdeploy traffic install`, or say `mode: weights`; nothing was changed"
                )
            }
            return record
        }
    }

    private func prepare(
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        _ record: BoardRecord,
        isReturn: Bool
    ) throws(LoadBalancerError) -> BoardChange {
        let mark = try keeper.mark(admitting: token)
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        _ = try weightsText(view, split, mark.stable)
        let now = board.current?.split(board.environments) ?? view.split
        let previous = try keeper.previousText(mark)
        var raised = mark
        raised.token = token
        raised.service = settings.service
        do throws(LoadBalancerError) {
            let opened = try open(mark, from: now, contents, split, token, keeper, isReturn: isReturn)
            let set = try makeSets(for: split, stable: opened.mark.stable)
            if opened != OpenedMark(mark) { try keeper.save(opened) }
            return BoardChange(
                keeper: keeper,
                record: record,
                set: set,
                split: split,
                contents: contents,
                markBefore: raised,
                previousBefore: previous,
                stable: opened.mark.stable,
                isRaise: Self.isRaise(from: now, to: split, stable: opened.mark.stable)
            )
        } catch {
            if let previous { try? keeper.file.setSide(keeper.file.previousPath, previous) }
            throw error
        }
    }

    /// The set for the split, and the link to where an emergency would go.
    private func makeSets(
        for split: Split,
        stable: EnvironmentName?
    ) throws(LoadBalancerError) -> BoardSet {
        let users = settings.chosenUsers
        let digest = users.map { BoardSet.digest(of: $0) }
        let set = BoardSet(split, board.environments, stable: stable, users: digest)
        try translated { () throws(FileProblem) in
            try board.prepare()
            try board.make(set, users: users)
            if let stable {
                let back = self.set(allOn: stable)
                try board.make(back, users: nil)
                try board.prepareBack(to: back)
            }
            board.prune(keeping: set)
        }
        return set
    }

    private static func isRaise(from now: Split?, to split: Split, stable: EnvironmentName?) -> Bool {
        guard let now, let stable else { return true }
        return split.share(of: stable) < now.share(of: stable) || (split.chosen != nil && now.chosen == nil)
    }

    /// The mark for the change; what is beside the file already is not written again.
    private func open(
        _ mark: BalancerMark,
        from now: Split?,
        _ contents: FileContents,
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        isReturn: Bool
    ) throws(LoadBalancerError) -> OpenedMark {
        let isOpen = mark.token == token && mark.emergency == nil && mark.stable == now?.live
        if isOpen, mark.previous == contents.digest, try keeper.previousText(mark) != nil {
            return OpenedMark(mark)
        }
        return try keeper.opened(
            mark,
            token: token,
            from: now,
            text: contents.bytes,
            to: split,
            isReturn: isReturn,
            script: BoardScript.text(keeper.file, board: board)
        )
    }

    // MARK: committing

    private func checkDrift(_ change: BoardChange) throws(LoadBalancerError) {
        let now = try translated { () throws(FileProblem) in try change.keeper.file.read() }
        guard now.digest != change.contents.digest, !change.keeper.isOurs(digest: now.digest) else { return }
        try? change.keeper.close(change.markBefore, previous: change.previousBefore)
        let diff = UnifiedDiff.text(before: change.contents.bytes, after: now.bytes, path: now.path)
        throw .drifted(file: now.path, diff: diff)
    }

    private func turn(_ change: BoardChange) throws(LoadBalancerError) {
        guard board.current != change.set else { return }
        try translated { () throws(FileProblem) in try board.turn(to: change.set) }
    }

    /// The weights follow; another upstream of the same file may have followed meanwhile.
    private func writeWeights(_ change: BoardChange) throws(LoadBalancerError) {
        let keeper = change.keeper
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try UpstreamView(contents.bytes, path: contents.path, settings: settings)
        let text = try weightsText(view, change.split, change.stable)
        guard text != contents.bytes else { return }
        if keeper.file.markPaths.count > 1 {
            var mark = try keeper.mark()
            mark.written = Digest.sha256(text)
            try keeper.save(mark)
        }
        try translated(expected: contents.bytes) { () throws(FileProblem) in
            try keeper.file.replace(with: text, expecting: contents.digest)
        }
        seen.withLock { $0?.renew(contents.path) }
    }

    /// Asks nginx itself, where it may be asked.
    private func prove(_ change: BoardChange, from before: BoardSet?) async throws(LoadBalancerError) {
        guard let probe else { return }
        let verdict = await probe.proof(within: settings.reloadDeadline) { change.set.isTold(by: $0) }
        guard case .unproven(let found) = verdict else { return }
        let text = "the link was renamed, and nginx does not see it: \(found)"
        // Towards the stable environment there is no way back.
        guard change.isRaise else { throw .unknown(text) }
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try goBack(change, to: before, because: text)
        }
    }

    private func goBack(
        _ change: BoardChange,
        to before: BoardSet?,
        because reason: String
    ) throws(LoadBalancerError) {
        do throws(FileProblem) {
            guard let before else {
                throw .failed(path: board.curPath, attempt: "put back", reason: "it was missing before")
            }
            try board.turn(to: before)
            try board.sync()
            try change.keeper.close(change.markBefore, previous: change.previousBefore)
        } catch {
            throw .unknown("\(reason)\nand the link could not be put back: \(error.message)")
        }
        throw .notInForce(reason)
    }

    private func finished(_ change: BoardChange) throws(LoadBalancerError) -> BalancerObservation {
        let observation: BalancerObservation
        do throws(LoadBalancerError) {
            let master = try locator.master()
            guard try isLoaded(change.keeper, master) else {
                throw .unreachable("nginx was reloaded, and not with what was installed")
            }
            observation = try readBack(change.keeper, change.record, master)
        } catch {
            throw .unknown("\(error.message) after the switch")
        }
        guard observation.split == change.split else {
            throw .unknown("\(board.curPath) was changed by somebody else during the switch")
        }
        return observation
    }
}
