import BalancerFiles
package import DeployPorts
package import DeployCore
import SafeFile
import Synchronization

extension HAProxyBalancer {
    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        try check(split)
        let keeper = try keeper()
        let layout = try layout(keeper.file)
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let runtime = runtime(layout)
        let seen = try await look(runtime, layout, asAdmin: true)
        memory.withLock { if $0.process == nil { $0.process = seen.process } }
        let change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try prepare(split, token, keeper, layout, seen, isReturn: isReturn)
        }
        do throws(LoadBalancerError) {
            try await checkText(of: change)
            if let layout, split.chosen != nil { try await setUsers(layout, runtime) }
        } catch {
            await forget(change)
            throw error
        }
        return staged.keep(change, as: StagedSplit(balancer: name, split: split, token: token))
    }

    package func commit(_ key: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        // Without the lock the change stays staged, so that it can still be ended.
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        var change = try staged.take(key, keeper)
        do throws(LoadBalancerError) {
            change = try await current(change)
        } catch {
            await forget(change)
            throw error
        }
        let seen: RuntimeView
        do throws(LoadBalancerError) {
            if change.raisesCandidate { _ = try await apply(change.order, change.layout) }
            try await change.writeFiles()
            // Once more after the files: a reload meanwhile has read the old ones.
            seen = try await apply(change.order, change.layout)
        } catch {
            try await putBack(change, because: error)
            throw .notInForce(error.message)
        }
        let (digest, view) = try await readFile(keeper.file)
        let observed = try observation(digest, view, seen, change.layout, keeper)
        memory.withLock { $0.process = seen.process }
        return observed
    }

    package func discard(_ key: StagedSplit) async {
        await staged.discard(key, at: \.keeper) { change in
            await forget(change)
        }
    }

    // MARK: parts

    private func prepare(
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        _ layout: MapLayout?,
        _ seen: RuntimeView,
        isReturn: Bool
    ) throws(LoadBalancerError) -> HAProxyChange {
        let mark = try keeper.mark(admitting: token)
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
        let servers = view.running(seen)
        try check(view, split, servers, contents, layout, keeper)
        let remembered = remembered(keeper, view, contents.digest)
        let weights = try view.weights(for: split, remembered: remembered)
        let now = layout.map { self.split(running: seen, $0) } ?? view.split(running: servers)
        try remember(remembered, keeper)
        let previousBefore = try keeper.previousText(mark)
        var opened = try keeper.opened(
            mark,
            token: token,
            from: now,
            text: contents.bytes,
            to: split,
            isReturn: isReturn,
            script: rescueScript(keeper, view, servers, layout, now)
        )
        // What is new about the text alone can wait for the text.
        let canWait = opened == OpenedMark(mark)
        let after = try view.text(with: weights)
        opened.written = Digest.sha256(after)
        if !canWait { try keeper.save(opened) }
        return HAProxyChange(
            keeper: keeper,
            layout: layout,
            files: [HAProxyChange.FileEdit(path: contents.path, before: contents, after: after)]
                + (try shareEdits(layout, to: split, keeper)),
            outline: try view.outline,
            split: split,
            weights: weights,
            order: layout.map { .share($0.code(split)) } ?? .weights(weights),
            running: running(seen, servers, weights, layout),
            raisesCandidate: raises(split, from: now, stable: opened.mark.stable),
            mark: opened.mark,
            markBefore: raised(mark, to: token),
            previousBefore: previousBefore
        )
    }

    private func raised(_ mark: BalancerMark, to token: FencingToken) -> BalancerMark {
        var mark = mark
        mark.token = token
        mark.service = settings.service
        return mark
    }

    private func check(
        _ view: BackendView,
        _ split: Split,
        _ servers: [RuntimeServer],
        _ contents: FileContents,
        _ layout: MapLayout?,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) {
        try view.check(running: servers)
        try view.checkReceivers(split, running: servers)
        if let layout { try checkInstalled(contents, view, layout, keeper) }
    }

    private func raises(_ split: Split, from now: Split?, stable: EnvironmentName?) -> Bool {
        guard let candidate = settings.environments.map(\.name).first(where: { $0 != stable }) else {
            return true
        }
        let before = now?.share(of: candidate) ?? .zero
        if split.share(of: candidate) != before { return split.share(of: candidate) > before }
        return split.chosen == candidate
    }

    private func running(
        _ seen: RuntimeView,
        _ servers: [RuntimeServer],
        _ weights: [String: Int],
        _ layout: MapLayout?
    ) -> RuntimeOrder {
        guard layout == nil else { return .share(seen.shares?.first.flatMap { Int($0) } ?? 0) }
        let known = servers.filter { weights[$0.name] != nil }.map { ($0.name, $0.weight) }
        return .weights(Dictionary(known, uniquingKeysWith: { first, _ in first }))
    }

    /// Tests the new text, unless it differs only in weights from one that was tested before.
    private func checkText(of change: HAProxyChange) async throws(LoadBalancerError) {
        guard let edit = change.files.first, let before = edit.before, edit.after != before.bytes else {
            return
        }
        let isAccepted = memory.withLock { $0.accepted.contains(before.digest) }
        if !isAccepted { try await testOnce(edit.after, outline: change.outline, change.keeper) }
        memory.withLock { memory in
            // Two texts are enough: the one in force and the next.
            if memory.accepted.count > 16 { memory.accepted = [before.digest] }
            memory.accepted.insert(Digest.sha256(edit.after))
        }
    }

    /// Keeps the proportions inside an environment before it loses them.
    private func remember(_ weights: [String: Int], _ keeper: MarkKeeper) throws(LoadBalancerError) {
        let path = keeper.file.sidePath("weights")
        guard weights != (try? keeper.file.value([String: Int].self, at: path)) else { return }
        try translated { () throws(FileProblem) in try keeper.file.setValue(weights, at: path) }
    }

    /// The change upon the files as they are now.
    ///
    /// Only a change of bgdeploy's to another backend of the same file may have come between.
    private func current(_ change: HAProxyChange) async throws(LoadBalancerError) -> HAProxyChange {
        try await BlockingWork.run { [settings] () throws(LoadBalancerError) in
            let keeper = change.keeper
            var change = change
            for (index, edit) in change.files.enumerated() {
                let now = try translated { () throws(FileProblem) in try SafeFile.read(edit.path) }
                guard now.digest != edit.before?.digest else { continue }
                guard index == 0, keeper.isOurs(digest: now.digest) else {
                    let diff = UnifiedDiff.text(
                        before: edit.before?.bytes ?? [],
                        after: now.bytes,
                        path: now.path
                    )
                    throw .drifted(file: now.path, diff: diff)
                }
                let view = try BackendView(now.bytes, path: now.path, settings: settings)
                change.files[index].before = now
                change.files[index].after = try view.text(with: change.weights)
                change.mark.written = Digest.sha256(change.files[index].after)
            }
            return change
        }
    }

    /// Gives HAProxy the order until a process that stays says that it has it, and returns what that one said.
    ///
    /// During a reload the old process answers too, and so does the new one without it.
    func apply(_ order: RuntimeOrder, _ layout: MapLayout?) async throws(LoadBalancerError) -> RuntimeView {
        let runtime = runtime(layout)
        let start = MonotonicClock.milliseconds()
        while true {
            do throws(LoadBalancerError) {
                var seen = try await runtime.look()
                if !seen.isStopping, !order.isKept(by: seen, settings) {
                    guard seen.shares != nil else { throw .misconfigured(notLoaded(layout)) }
                    seen = try await runtime.tell(order.commands(from: seen, settings, layout))
                }
                if !seen.isStopping, order.isKept(by: seen, settings) { return seen }
            } catch {
                // A socket changes hands during a reload.
                guard MonotonicClock.milliseconds() - start < Self.patience(with: error) else { throw error }
            }
            guard MonotonicClock.milliseconds() - start < Self.applyBudget else {
                throw .unreachable("HAProxy does not keep what it is given at \(settings.socket)")
            }
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 10) }
        }
    }

    /// In milliseconds.
    private static let applyBudget: Int64 = 3000
    /// How long nobody may answer, in milliseconds.
    private static let gap: Int64 = 200

    /// How long an error may be that of a reload, in milliseconds.
    private static func patience(with error: LoadBalancerError) -> Int64 {
        switch error {
        case .unreachable: gap
        // Said by a process that was told to end after we had looked at it.
        case .rejected(let complaint) where complaint.contains("Proxy is disabled"): applyBudget
        default: 0
        }
    }

    private func putBack(
        _ change: HAProxyChange,
        because error: LoadBalancerError
    ) async throws(LoadBalancerError) {
        do throws(LoadBalancerError) {
            _ = try await apply(change.running, change.layout)
            try await BlockingWork.run { () throws(LoadBalancerError) in
                for file in change.files { try file.takeBack(change.keeper.file.folder) }
            }
        } catch let second {
            throw .unknown("\(error.message)\nand it could not be put back: \(second.message)")
        }
        await forget(change)
    }

    /// Leaves nothing of the change beside the file but its token.
    private func forget(_ change: HAProxyChange) async {
        await BlockingWork.run {
            try? change.keeper.close(change.markBefore, previous: change.previousBefore)
        }
    }
}
