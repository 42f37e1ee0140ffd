import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile

extension HAProxyBalancer {
    /// The socket first, which takes effect at once, then the file.
    ///
    /// On `.unknown` the file asks for the stable environment alone, and the running HAProxy could not be
    /// told.
    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        let lock = try await keeper.lockInEmergency()
        defer { lock.release() }
        let emergency = BalancerMark.Emergency(by: actor, reason: reason, at: timekeeper.now())
        let back = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try wayBack(keeper, emergency)
        }
        var unreached: LoadBalancerError?
        do throws(LoadBalancerError) {
            try await apply(back.weights)
        } catch {
            unreached = error
        }
        let fileProblem = await BlockingWork.run { () -> FileProblem? in
            guard back.text != back.before.bytes else { return nil }
            do throws(FileProblem) {
                try keeper.file.replace(with: back.text, expecting: back.before.digest)
                return nil
            } catch {
                return error
            }
        }
        if let unreached { throw .unknown(told(unreached, fileProblem)) }
        let (contents, view) = try await readFile()
        let seen = observation(contents.digest, view, try await runtime.servers())
        guard let fileProblem else { return seen }
        return BalancerObservation(
            split: seen.split,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: seen.remarks + ["the file could not be changed: \(fileProblem.message)"]
        )
    }

    private struct WayBack: Sendable {
        let before: FileContents
        let text: [UInt8]
        let weights: [String: Int]
    }

    private func wayBack(
        _ keeper: MarkKeeper,
        _ emergency: BalancerMark.Emergency
    ) throws(LoadBalancerError) -> WayBack {
        var mark = try keeper.mark()
        guard let stable = mark.stable else { throw .misconfigured(noStable(keeper)) }
        let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
        let (text, weights) = try stableText(stable, contents, mark, keeper)
        mark.token = FencingToken(epoch: mark.token.epoch + 1, counter: mark.token.counter)
        mark.emergency = emergency
        mark.written = Digest.sha256(text)
        try keeper.save(mark)
        return WayBack(before: contents, text: text, weights: weights)
    }

    /// The backup when nobody edited the file since; else the file as it is with its weights changed; the backup
    /// again when the file cannot be understood.
    private func stableText(
        _ stable: EnvironmentName,
        _ contents: FileContents,
        _ mark: BalancerMark,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> ([UInt8], [String: Int]) {
        var backup: ([UInt8], [String: Int])?
        if let bytes = try keeper.previousText(mark),
            let view = try? BackendView(bytes, path: contents.path, settings: settings),
            view.split?.live == stable
        {
            backup = (bytes, view.weights)
        }
        if let backup, contents.digest == mark.written { return backup }
        guard let other = settings.environments.map(\.name).first(where: { $0 != stable }),
            settings.environments.contains(where: { $0.name == stable })
        else {
            throw .misconfigured("\(keeper.file.markPath) names \(stable), which the playbook does not have")
        }
        do throws(LoadBalancerError) {
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            let split = Split(stable, .full, other: other)
            let weights = try view.weights(for: split, remembered: remembered(keeper))
            return (try view.text(with: weights), weights)
        } catch {
            guard let backup else { throw error }
            return backup
        }
    }

    private func told(_ unreached: LoadBalancerError, _ fileProblem: FileProblem?) -> String {
        if let fileProblem {
            return "\(unreached.message)\nand the file could not be changed: \(fileProblem.message)"
        }
        return "\(unreached.message)\nThe file asks for the stable environment alone: start or reload HAProxy"
    }

    private func noStable(_ keeper: MarkKeeper) -> String {
        """
        \(keeper.file.markPath) does not tell which environment was live before: bgdeploy has not moved traffic \
        here. Name it yourself, such as `bgdeploy traffic set \(settings.environments[0].name)=100`
        """
    }
}
