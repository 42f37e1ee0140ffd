import BalancerFiles
package import DeployPorts
package import DeployCore
import SafeFile
import Synchronization

/// A change that was tested and is neither in the file nor in force.
struct HAProxyChange: Sendable {
    let keeper: MarkKeeper
    var before: FileContents
    var after: [UInt8]
    let split: Split
    /// The weights to run with, and those that ran when the change was staged, by server.
    let weights: [String: Int]
    let running: [String: Int]
    /// Whether the environment that is not the stable one gets more than it has.
    let raisesCandidate: Bool
    /// The mark as it was, but for the token.
    let markBefore: BalancerMark
    let previousBefore: [UInt8]?
}

extension HAProxyBalancer {
    package func stage(
        _ split: Split,
        token: FencingToken,
        isReturn: Bool
    ) async throws(LoadBalancerError) -> StagedSplit {
        try check(split)
        let keeper = try keeper()
        let lock = try await keeper.lock(within: Self.lockBudget)
        defer { lock.release() }
        try await runtime.checkLevel()
        let servers = try await runtime.servers()
        let change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try prepare(split, token, keeper, servers, isReturn: isReturn)
        }
        do throws(LoadBalancerError) {
            if change.after != change.before.bytes { try await test(change.after, keeper) }
        } catch {
            await forget(change)
            throw error
        }
        let key = StagedSplit(balancer: name, split: split, token: token)
        staged.withLock { $0[key] = change }
        return key
    }

    package func commit(_ key: StagedSplit) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        // Without the lock the change stays staged, so that it can still be ended.
        let lock = try await keeper.lock(within: Self.lockBudget)
        defer { lock.release() }
        guard var change = staged.withLock({ $0.removeValue(forKey: key) }) else {
            throw .misconfigured("\(key.split) was not staged at \(name), or was ended before")
        }
        let mark = try keeper.mark()
        guard mark.token <= key.token else { throw .fenced(seen: mark.token) }
        do throws(LoadBalancerError) {
            change = try await current(change)
        } catch {
            await forget(change)
            throw error
        }
        do throws(LoadBalancerError) {
            if !change.raisesCandidate { try await writeFile(change) }
            try await apply(change.weights)
            if change.raisesCandidate { try await writeFile(change) }
        } catch {
            try await putBack(change, because: error)
            throw .notInForce(error.message)
        }
        let (contents, view) = try await readFile()
        return observation(contents.digest, view, try await runtime.servers())
    }

    package func discard(_ key: StagedSplit) async {
        guard let change = staged.withLock({ $0.removeValue(forKey: key) }),
            let lock = try? await change.keeper.lock(within: Self.lockBudget)
        else { return }
        defer { lock.release() }
        guard let mark = try? change.keeper.mark(), mark.token <= key.token else { return }
        await forget(change)
    }

    // MARK: parts

    private func prepare(
        _ split: Split,
        _ token: FencingToken,
        _ keeper: MarkKeeper,
        _ servers: [RuntimeServer],
        isReturn: Bool
    ) throws(LoadBalancerError) -> HAProxyChange {
        let mark = try keeper.mark(admitting: token)
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
        try view.check(running: servers)
        try view.checkReceivers(split, running: servers)
        let weights = try view.weights(for: split, remembered: remembered(keeper))
        let after = try view.text(with: weights)
        let now = view.split(running: servers)
        try remember(view, keeper)
        let previousBefore = try keeper.previousText(mark)
        var raised = mark
        raised.token = token
        raised.service = settings.service
        var opened = try keeper.opened(
            mark,
            token: token,
            from: now,
            text: contents.bytes,
            to: split,
            isReturn: isReturn,
            script: rescueScript(keeper, servers, view)
        )
        opened.written = Digest.sha256(after)
        try keeper.save(opened)
        let candidate = settings.environments.map(\.name).first { $0 != opened.stable }
        let raises = candidate.map { split.share(of: $0) > (now?.share(of: $0) ?? .zero) } ?? true
        return HAProxyChange(
            keeper: keeper,
            before: contents,
            after: after,
            split: split,
            weights: weights,
            running: Dictionary(
                servers.map { ($0.name, $0.weight) },
                uniquingKeysWith: { first, _ in first }
            ),
            raisesCandidate: raises,
            markBefore: raised,
            previousBefore: previousBefore
        )
    }

    /// What runs now, as commands: those that raise a weight from 0 come first.
    private func rescueScript(
        _ keeper: MarkKeeper,
        _ servers: [RuntimeServer],
        _ view: BackendView
    ) -> String {
        let known = Set(view.names)
        let weights = servers.filter { known.contains($0.name) }.sorted { $0.weight > $1.weight }
        let commands = weights.map { "set server \(settings.backend)/\($0.name) weight \($0.weight)" }
        return RescueScript.text(keeper.file, socket: settings.socket, commands: commands)
    }

    /// Keeps the proportions inside an environment before it loses them.
    private func remember(_ view: BackendView, _ keeper: MarkKeeper) throws(LoadBalancerError) {
        let before = remembered(keeper)
        let after = before.merging(view.proportions) { _, new in new }
        guard after != before else { return }
        try translated { () throws(FileProblem) in
            try keeper.file.setValue(after, at: keeper.file.sidePath("weights"))
        }
    }

    /// The change upon the file as it is now.
    ///
    /// Only a change of bgdeploy's to another backend of the same file may have come between.
    private func current(_ change: HAProxyChange) async throws(LoadBalancerError) -> HAProxyChange {
        try await BlockingWork.run { [settings] () throws(LoadBalancerError) in
            let keeper = change.keeper
            let now = try translated { () throws(FileProblem) in try keeper.file.read() }
            guard now.digest != change.before.digest else { return change }
            guard keeper.isOurs(digest: now.digest) else {
                let diff = UnifiedDiff.text(before: change.before.bytes, after: now.bytes, path: now.path)
                throw .drifted(file: now.path, diff: diff)
            }
            var change = change
            change.before = now
            change.after = try BackendView(now.bytes, path: now.path, settings: settings).text(
                with: change.weights
            )
            var mark = try keeper.mark()
            mark.written = Digest.sha256(change.after)
            try keeper.save(mark)
            return change
        }
    }

    private func writeFile(_ change: HAProxyChange) async throws(LoadBalancerError) {
        guard change.after != change.before.bytes else { return }
        try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated(expected: change.before.bytes) { () throws(FileProblem) in
                try change.keeper.file.replace(with: change.after, expecting: change.before.digest)
            }
        }
    }

    /// Sets the running weights and reads them back.
    ///
    /// The receivers come first: while every weight is 0, requests fail.
    func apply(_ weights: [String: Int]) async throws(LoadBalancerError) {
        for _ in 0..<3 {
            let process = try await runtime.process()
            let now = try await runtime.servers()
            try await runtime.set(Self.order(weights, of: now))
            let after = try await runtime.servers()
            let isSet = after.allSatisfy { weights[$0.name] == nil || weights[$0.name] == $0.weight }
            // A reload between two commands leaves the old process with the weights: the new one is asked again.
            if isSet, try await runtime.process() == process { return }
        }
        throw .unreachable("HAProxy does not keep the weights that it is given")
    }

    /// The weights that differ, those that rise first.
    static func order(
        _ weights: [String: Int],
        of servers: [RuntimeServer]
    ) -> [(server: String, weight: Int)] {
        var rising: [(server: String, weight: Int)] = []
        var falling: [(server: String, weight: Int)] = []
        for server in servers {
            guard let weight = weights[server.name], weight != server.weight else { continue }
            if weight > server.weight {
                rising.append((server.name, weight))
            } else {
                falling.append((server.name, weight))
            }
        }
        return rising + falling
    }

    private func putBack(
        _ change: HAProxyChange,
        because error: LoadBalancerError
    ) async throws(LoadBalancerError) {
        do throws(LoadBalancerError) {
            try await apply(change.running.filter { change.weights[$0.key] != nil })
            try await BlockingWork.run { () throws(LoadBalancerError) in
                try translated { () throws(FileProblem) in
                    let now = try change.keeper.file.read()
                    guard now.digest == Digest.sha256(change.after), now.bytes != change.before.bytes else {
                        return
                    }
                    try change.keeper.file.replace(
                        with: change.before.bytes,
                        expecting: now.digest,
                        modified: change.before.modified
                    )
                }
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
