import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile
import Synchronization

extension HAProxyBalancer {
    /// The socket first, which takes effect at once and needs no disk, then the files.
    ///
    /// On `.unknown` the files ask for the stable environment alone, and the running HAProxy could not be
    /// told.
    package func restore(
        by actor: Actor,
        reason: String
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let keeper = try keeper()
        let layout = try layout(keeper.file)
        let lock = try await keeper.lockInEmergency()
        defer { lock.release() }
        let emergency = BalancerMark.Emergency(by: actor, reason: reason, at: timekeeper.now())
        let back = try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            try wayBack(keeper, layout, emergency)
        }
        var unreached: LoadBalancerError?
        do throws(LoadBalancerError) {
            _ = try await apply(back.order, layout)
        } catch {
            unreached = error
        }
        let problems = back.problems + (await writeEach(back.files, keeper))
        if let unreached { throw .unknown(told(unreached, problems)) }
        return try await seen(after: problems, keeper, layout)
    }

    private func seen(
        after problems: [String],
        _ keeper: MarkKeeper,
        _ layout: MapLayout?
    ) async throws(LoadBalancerError) -> BalancerObservation {
        let running = try await runtime(layout).look()
        memory.withLock { $0.process = running.process }
        let seen: BalancerObservation
        do throws(LoadBalancerError) {
            let (digest, view) = try await readFile(keeper.file)
            seen = try observation(digest, view, running, layout, keeper)
        } catch {
            // The map needs nothing of a configuration that cannot be read; why not is among the problems.
            guard let layout, !problems.isEmpty else { throw error }
            seen = BalancerObservation(
                split: split(running: running, layout),
                fileSplit: (try? split(ofFile: layout, keeper)) ?? nil,
                fileDigest: (try? keeper.file.read().digest) ?? ""
            )
        }
        return BalancerObservation(
            split: seen.split,
            fileSplit: seen.fileSplit,
            fileDigest: seen.fileDigest,
            remarks: seen.remarks + problems
        )
    }

    private struct WayBack: Sendable {
        let files: [HAProxyChange.FileEdit]
        let order: RuntimeOrder
        /// What could not be done, none of which keeps the traffic from going back.
        let problems: [String]
    }

    private func wayBack(
        _ keeper: MarkKeeper,
        _ layout: MapLayout?,
        _ emergency: BalancerMark.Emergency
    ) throws(LoadBalancerError) -> WayBack {
        var mark = try keeper.mark()
        guard let stable = mark.stable else { throw .misconfigured(noStable(keeper)) }
        guard let other = settings.environments.map(\.name).first(where: { $0 != stable }),
            settings.environments.contains(where: { $0.name == stable })
        else {
            throw .misconfigured("\(keeper.file.markPath) names \(stable), which the playbook does not have")
        }
        var files: [HAProxyChange.FileEdit] = []
        var problems: [String] = []
        var order: RuntimeOrder?
        do throws(LoadBalancerError) {
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            let (text, weights) = try stableText(Split(stable, .full, other: other), contents, mark, keeper)
            files.append(HAProxyChange.FileEdit(path: contents.path, before: contents, after: text))
            mark.written = Digest.sha256(text)
            order = .weights(weights)
        } catch {
            // The map needs nothing of the configuration.
            guard layout != nil else { throw error }
            problems.append(error.message)
        }
        if let layout {
            let code = layout.code(Split(stable, .full, other: other))
            order = .share(code)
            let before = try? SafeFile.read(layout.sharePath)
            let edit = HAProxyChange.FileEdit(
                path: layout.sharePath,
                before: before,
                after: layout.text(code)
            )
            files.append(edit)
        }
        guard let order else { throw .misconfigured(noStable(keeper)) }
        mark.token = FencingToken(epoch: mark.token.epoch + 1, counter: mark.token.counter)
        mark.emergency = emergency
        do throws(LoadBalancerError) {
            try keeper.saveInEmergency(mark)
        } catch {
            // A full disk must not keep the traffic where it is.
            problems.append(
                "\(error.message); \(keeper.file.markPath) was not raised, so stop any bgdeploy that is under way"
            )
        }
        return WayBack(files: files, order: order, problems: problems)
    }

    /// Writes what can be written, and tells what could not.
    private func writeEach(_ files: [HAProxyChange.FileEdit], _ keeper: MarkKeeper) async -> [String] {
        await BlockingWork.run {
            var problems: [String] = []
            for file in files {
                do throws(LoadBalancerError) {
                    try file.writeInEmergency(keeper.file.folder)
                } catch {
                    problems.append("\(file.path) could not be changed: \(error.message)")
                }
            }
            return problems
        }
    }

    /// The backup when nobody edited the file since; else the file as it is with its weights changed; the backup
    /// again when the file cannot be understood.
    private func stableText(
        _ split: Split,
        _ contents: FileContents,
        _ mark: BalancerMark,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> ([UInt8], [String: Int]) {
        var backup: ([UInt8], [String: Int])?
        if let bytes = try keeper.previousText(mark),
            let view = try? BackendView(bytes, path: contents.path, settings: settings),
            view.split?.live == split.live
        {
            backup = (bytes, view.weights)
        }
        if let backup, contents.digest == mark.written { return backup }
        do throws(LoadBalancerError) {
            let view = try BackendView(contents.bytes, path: contents.path, settings: settings)
            let weights = try view.weights(
                for: split,
                remembered: remembered(keeper, view, contents.digest)
            )
            return (try view.text(with: weights), weights)
        } catch {
            guard let backup else { throw error }
            return backup
        }
    }

    private func told(_ unreached: LoadBalancerError, _ problems: [String]) -> String {
        let state =
            problems.isEmpty
            ? "The files ask for the stable environment alone: start or reload HAProxy"
            : problems.joined(separator: "\n")
        return "\(unreached.message)\n\(state)"
    }

    private func noStable(_ keeper: MarkKeeper) -> String {
        """
        \(keeper.file.markPath) does not tell which environment was live before: bgdeploy has not moved traffic \
        here. Name it yourself, such as `bgdeploy traffic set \(settings.environments[0].name)=100`
        """
    }

    // MARK: the script

    /// What runs now, as a script that needs nothing of bgdeploy.
    func rescueScript(
        _ keeper: MarkKeeper,
        _ view: BackendView,
        _ servers: [RuntimeServer],
        _ layout: MapLayout?,
        _ now: Split?
    ) -> String {
        if let layout, let now {
            let code = layout.code(now)
            return RescueScript(
                file: keeper.file,
                socket: settings.socket,
                commands: ["set map \(layout.sharePath) \(layout.key) \(code)"],
                map: (layout.sharePath, layout.text(code)),
                reload: settings.reload
            ).text
        }
        let known = Set(view.names)
        // Those that raise a weight from 0 come first.
        let weights = servers.filter { known.contains($0.name) }.sorted { $0.weight > $1.weight }
        return RescueScript(
            file: keeper.file,
            socket: settings.socket,
            commands: weights.map { "set server \(settings.backend)/\($0.name) weight \($0.weight)" },
            map: nil,
            reload: settings.reload
        ).text
    }
}
