import BalancerFiles
import DeployCore
import DeployPorts
import SafeFile

/// What can be seen of the running nginx: its processes, and what it answers where it may be asked.
struct NginxSight: Sendable {
    /// `nil` where no master is visible, as from outside a container, and the answer is all there is.
    let master: NginxMaster?
    let answer: Answer

    enum Answer: Hashable, Sendable {
        /// The balancer has no probe.
        case notAsked
        case serves(String)
        case silent(String)
    }
}

extension NginxBalancer {
    var probe: ServedProbe? { settings.probe.flatMap { ServedProbe($0) } }

    /// The master; `nil` where none is visible and a probe and a reload command make up for it.
    func visibleMaster() throws(LoadBalancerError) -> NginxMaster? {
        do throws(LoadBalancerError) {
            return try locator.master()
        } catch {
            guard case .unreachable = error, probe != nil, settings.reload != nil else { throw error }
            return nil
        }
    }

    /// Fails with `.unreachable` when nothing is to be seen.
    func look() async throws(LoadBalancerError) -> NginxSight {
        let master = try await BlockingWork.run { [self] () throws(LoadBalancerError) in try visibleMaster() }
        guard let probe else { return NginxSight(master: master, answer: .notAsked) }
        do throws(ServedProbe.Silence) {
            return NginxSight(master: master, answer: .serves(try await probe.answer()))
        } catch {
            guard let master else {
                throw .unreachable(
                    "no nginx master is visible from here, and nginx does not answer: \(error.reason)"
                )
            }
            return NginxSight(master: master, answer: .silent(error.reason))
        }
    }

    /// Looks before a change: a probe that does not answer now could not prove the change later.
    func lookBeforeChange() async throws(LoadBalancerError) -> NginxSight {
        let sight = try await look()
        switch sight.answer {
        case .notAsked: return sight
        case .serves(let answer) where Generation(answer) != nil: return sight
        case .serves(let answer):
            throw .misconfigured(
                "`probe`: nginx answers `\(answer.prefix(200))`, not a generation; \(probeHint)"
            )
        case .silent(let reason): throw .misconfigured("`probe`: \(reason); \(probeHint)")
        }
    }

    private var probeHint: String {
        "the server of that URL needs `\(GeneratedText.probeLocation(settings))`; nothing was changed"
    }

    /// The text that nginx runs with, as well as it can be told.
    struct TextInForce {
        let bytes: [UInt8]
        /// Whether nginx has loaded the file since it was last changed.
        let isLoaded: Bool
        /// Whether `bytes` is known to be what runs.
        let isKnown: Bool
        /// What nginx says that it serves, when that is no text that is known here.
        var other: String?
        /// Whether it may as well be a text that was taken back while somebody reloaded nginx.
        var isDoubtful = false
    }

    func inForce(
        _ contents: FileContents,
        _ keeper: MarkKeeper,
        _ sight: NginxSight
    ) throws(LoadBalancerError) -> TextInForce {
        let byWorkers: TextInForce?
        if let master = sight.master {
            byWorkers = try inForce(contents, keeper, master)
        } else {
            byWorkers = nil
        }
        let unknown = TextInForce(bytes: contents.bytes, isLoaded: false, isKnown: false)
        guard case .serves(let served) = sight.answer else { return byWorkers ?? unknown }
        if generation(of: contents.bytes, contents.path) == served {
            let isLoaded = byWorkers.map { $0.isLoaded || $0.isDoubtful } ?? true
            return TextInForce(bytes: contents.bytes, isLoaded: isLoaded, isKnown: true)
        }
        let staged = try? SafeFile.read(keeper.file.stagedPath).bytes
        if let staged, generation(of: staged, contents.path) == served {
            return TextInForce(bytes: staged, isLoaded: false, isKnown: true)
        }
        return TextInForce(bytes: contents.bytes, isLoaded: false, isKnown: false, other: served)
    }

    /// A worker is younger than the file that it was started with.
    ///
    /// The text that was in force when an unfinished change was begun stays in force until there are workers
    /// younger than that.
    private func inForce(
        _ contents: FileContents,
        _ keeper: MarkKeeper,
        _ master: NginxMaster
    ) throws(LoadBalancerError) -> TextInForce {
        let workers = master.activeWorkers()
        let oldest = workers.map(\.started.upperBound).min()
        guard let oldest else {
            throw .unreachable("nginx's master runs, process \(master.process.id), but no worker does")
        }
        guard oldest < contents.modified else {
            let doubt = Withdrawal.last(keeper.file)?.mayRun(in: workers) ?? false
            return TextInForce(bytes: contents.bytes, isLoaded: !doubt, isKnown: !doubt, isDoubtful: doubt)
        }
        let staged = try? SafeFile.read(keeper.file.stagedPath)
        guard let staged, oldest < staged.modified else {
            return TextInForce(bytes: contents.bytes, isLoaded: false, isKnown: false)
        }
        return TextInForce(bytes: staged.bytes, isLoaded: false, isKnown: true)
    }

    func generation(of bytes: [UInt8], _ path: String) -> String? {
        (try? settings.reading(bytes, path: path))?.generation
    }

    func observation(
        _ contents: FileContents,
        _ view: any SplitText,
        _ truth: TextInForce,
        _ sight: NginxSight
    ) -> BalancerObservation {
        var remarks = view.remarks
        var split = view.split
        if truth.isDoubtful {
            split = nil
            remarks.append(
                "somebody reloaded nginx while a change was taken back: which of the two texts runs is not known until the next change or reload"
            )
        } else if !truth.isLoaded {
            remarks.append("\(contents.path) was changed after nginx last loaded it")
        }
        if let other = truth.other {
            split = Generation(other)?.split
            remarks.append("nginx serves another generation than the file's: \(other)")
        } else if truth.isKnown, truth.bytes != contents.bytes {
            split = settings.split(of: truth.bytes, path: contents.path)
            remarks.append(
                "a change was begun and not finished: the next reload of nginx would bring it into force"
            )
        }
        if case .silent(let reason) = sight.answer {
            remarks.append("nginx does not answer its generation: \(reason)")
        }
        return BalancerObservation(
            split: split,
            fileSplit: view.split,
            fileDigest: contents.digest,
            remarks: remarks
        )
    }
}
