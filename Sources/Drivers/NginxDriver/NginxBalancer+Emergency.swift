import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile

extension NginxBalancer {
    /// On `.rejected` the file is as it was.
    ///
    /// On `.unknown` the file asks for the stable environment alone.
    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        try await BlockingWork.run { () throws(LoadBalancerError) in
            guard let remark = try Self.switchboardRemark(keeper) else { return }
            throw .misconfigured("\(remark). At once: `sh \(keeper.file.scriptPath)`. Nothing was changed")
        }
        let lock = try await keeper.lockInEmergency()
        defer { lock.release() }
        let at = timekeeper.now()
        let emergency = BalancerMark.Emergency(by: actor, reason: reason, at: at)
        // With nginx gone the file is still put right, for the next start.
        let sight = try? await look()
        let back = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try writeStable(keeper, emergency, sight)
        }
        if back.needsReload { try await load(back, sight) }
        try? keeper.file.setSide(keeper.file.stagedPath, nil)
        if back.needsReload { Withdrawal.settle(keeper.file) }
        return try await readBack(keeper, try await look())
    }

    private struct WayBack: Sendable {
        let keeper: MarkKeeper
        let before: FileContents
        let after: [UInt8]
        let needsReload: Bool
    }

    private func writeStable(
        _ keeper: MarkKeeper,
        _ emergency: BalancerMark.Emergency,
        _ sight: NginxSight?
    ) throws(LoadBalancerError) -> WayBack {
        var mark = try keeper.mark()
        guard let stable = mark.stable else { throw .misconfigured(noStable(keeper)) }
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let text = try stableText(stable, contents, mark, keeper)
        let isLoaded = sight.flatMap { try? inForce(contents, keeper, $0).isLoaded } ?? false
        mark.token = FencingToken(epoch: mark.token.epoch + 1, counter: mark.token.counter)
        mark.emergency = emergency
        mark.written = Digest.sha256(text)
        try keeper.saveInEmergency(mark)
        if text != contents.bytes {
            try translated(expected: contents.bytes) { () throws(FileProblem) in
                try keeper.file.replaceInEmergency(with: text, expecting: contents.digest)
            }
        }
        return WayBack(
            keeper: keeper,
            before: contents,
            after: text,
            needsReload: text != contents.bytes || !isLoaded
        )
    }

    /// The backup when nobody edited the file since; else the file as it is with its shares changed, so that
    /// the edit stays; the backup again when the file cannot be understood.
    private func stableText(
        _ stable: EnvironmentName,
        _ contents: FileContents,
        _ mark: BalancerMark,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> [UInt8] {
        let backup = try keeper.previousText(mark).flatMap { bytes in
            settings.split(of: bytes, path: contents.path)?.live == stable ? bytes : nil
        }
        if let backup, contents.digest == mark.written { return backup }
        guard settings.environments.contains(where: { $0.name == stable }) else {
            throw .misconfigured("\(keeper.file.markPath) names \(stable), which the playbook does not have")
        }
        if settings.mode == .generated { return try replacingEdit(stable, contents, keeper) }
        do throws(LoadBalancerError) {
            return try settings.reading(contents.bytes, path: contents.path).text(for: split(allOn: stable))
        } catch {
            guard let backup else { throw error }
            return backup
        }
    }

    /// A generated file holds nothing of anybody else's: what was edited in it is kept beside it.
    private func replacingEdit(
        _ stable: EnvironmentName,
        _ contents: FileContents,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> [UInt8] {
        let text = try GeneratedText.bytes(for: split(allOn: stable), settings)
        if contents.bytes != text { try? keeper.file.setSide(keeper.file.sidePath("edited"), contents.bytes) }
        return text
    }

    private func load(_ back: WayBack, _ sight: NginxSight?) async throws(LoadBalancerError) {
        do throws(LoadBalancerError) {
            try await test()
        } catch {
            try? back.keeper.file.replace(
                with: back.before.bytes,
                expecting: nil,
                modified: back.before.modified
            )
            throw error
        }
        let reload: NginxReload
        do throws(LoadBalancerError) {
            // A probe that did not answer before either proves nothing; the new workers have to do.
            if case .silent = sight?.answer {
                reload = NginxReload(sight?.master, errorLog: locator.errorLog, proof: nil)
            } else {
                reload = try self.reload(to: back.after, back.before.path)
            }
            try await trigger(reload)
        } catch {
            throw .unknown(
                "the file is back on the stable environment, but nginx was not told: \(error.message)"
            )
        }
        switch await reload.outcome(within: settings.reloadDeadline) {
        case .inForce: return
        case .refused(let complaint):
            throw .unknown(
                "the file is back on the stable environment, but nginx does not load it:\n\(complaint)"
            )
        case .nothingHappened(let hint):
            throw .unknown("the file is back on the stable environment, but nginx has not loaded it: \(hint)")
        case .halfway:
            throw .unknown("the file is back on the stable environment; old workers still accept connections")
        case .notServed(let found):
            throw .unknown(
                "the file is back on the stable environment, and nginx does not serve it yet: \(found)"
            )
        case .masterGone:
            throw .unknown("the file is back on the stable environment; the nginx master ended")
        }
    }

    private func noStable(_ keeper: MarkKeeper) -> String {
        """
        \(keeper.file.markPath) does not tell which environment was live before: bgdeploy has not moved traffic \
        here. Name it yourself, such as `bgdeploy traffic set \(settings.environments[0].name)=100`
        """
    }
}
