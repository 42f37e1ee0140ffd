import BalancerFiles
import DeployCore
import DeployPorts
import SafeFile
import Synchronization

/// What only mode `map` needs.
extension HAProxyBalancer {
    func notLoaded(_ layout: MapLayout?) -> String {
        "the running HAProxy does not have the map \(layout?.sharePath ?? ""): `bgdeploy traffic install` puts it into \(settings.file); if it is there, reload HAProxy"
    }

    /// What runs; in mode `map` a backend that is missing means that the installation is.
    ///
    /// `asAdmin` refuses a socket through which nothing may be set. An old process that answers during a reload is
    /// asked again, for as long as a new one may need.
    func look(
        _ runtime: HAProxyRuntime,
        _ layout: MapLayout?,
        asAdmin: Bool = false
    ) async throws(LoadBalancerError) -> RuntimeView {
        do throws(LoadBalancerError) {
            var seen = asAdmin ? try await runtime.lookAsAdmin() : try await runtime.look()
            for _ in 0..<20 where seen.isStopping {
                await BlockingWork.run { MonotonicClock.pause(milliseconds: 10) }
                seen = try await runtime.look()
            }
            guard seen.shares != nil else { throw .misconfigured(notLoaded(layout)) }
            return seen
        } catch {
            guard let layout, case .misconfigured = error else { throw error }
            throw .misconfigured(notLoaded(layout))
        }
    }

    /// The split that the running map has; `nil` for entries that bgdeploy does not write.
    func split(running seen: RuntimeView, _ layout: MapLayout) -> Split? {
        guard let shares = seen.shares, let first = shares.first, shares.allSatisfy({ $0 == first }) else {
            // Without an entry the rules take 0.
            return seen.shares?.isEmpty == true ? layout.split(0) : nil
        }
        return Int(first).flatMap(layout.split)
    }

    /// The split that the next reload would bring.
    func split(ofFile layout: MapLayout, _ keeper: MarkKeeper) throws(LoadBalancerError) -> Split? {
        let text = try translated { () throws(FileProblem) in try keeper.file.side(layout.sharePath) }
        return text.flatMap(layout.code(in:)).flatMap(layout.split)
    }

    /// What the split does to the share map's file; nothing in mode `weights`.
    func shareEdits(
        _ layout: MapLayout?,
        to split: Split,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> [HAProxyChange.FileEdit] {
        guard let layout else { return [] }
        let before = try translated { () throws(FileProblem) in try SafeFile.read(layout.sharePath) }
        let after = layout.text(layout.code(split))
        return [HAProxyChange.FileEdit(path: layout.sharePath, before: before, after: after)]
    }

    /// The configuration with what mode `map` needs.
    func installed(
        _ contents: FileContents,
        _ view: BackendView,
        _ layout: MapLayout,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) -> [UInt8] {
        let names = settings.environments.map { ($0.name, Set(view.names(of: $0.name) ?? [])) }
        return try MapText.installed(
            contents.bytes,
            path: contents.path,
            layout,
            names: Dictionary(names, uniquingKeysWith: { first, _ in first }),
            own: view.ownWeights(remembered: remembered(keeper, view, contents.digest))
        )
    }

    /// Refuses a configuration that lacks a part of what mode `map` needs, or has it for another playbook.
    func checkInstalled(
        _ contents: FileContents,
        _ view: BackendView,
        _ layout: MapLayout,
        _ keeper: MarkKeeper
    ) throws(LoadBalancerError) {
        guard !memory.withLock({ $0.accepted.contains(contents.digest) }) else { return }
        guard try installed(contents, view, layout, keeper) != contents.bytes else { return }
        throw .misconfigured(
            "\(contents.path) does not have what mode map needs for this playbook, or the backend `\(layout.backend)` was changed since: run `bgdeploy traffic install`, which shows the difference"
        )
    }

    // MARK: the chosen users

    /// Makes the playbook's users those of the running map, all at once, and of its file.
    ///
    /// Nobody is sent anywhere by that while the split has no chosen users.
    func setUsers(_ layout: MapLayout, _ runtime: HAProxyRuntime) async throws(LoadBalancerError) {
        guard let users = settings.chosenUsers else { return }
        let list = UsersMap(users.values)
        try await BlockingWork.run { () throws(LoadBalancerError) in
            try translated { () throws(FileProblem) in
                let before = try? SafeFile.read(layout.usersPath)
                guard before?.bytes != list.text else { return }
                try AtomicFile.replace(layout.usersPath, with: list.text)
            }
        }
        for _ in 0..<3 {
            if try await list.isLoaded(layout.usersPath, runtime) { return }
            do throws(LoadBalancerError) {
                try await list.load(layout.usersPath, runtime)
            } catch {
                // A version that was prepared in a process that a reload has ended is not known to the next one.
                guard case .rejected = error else { throw error }
            }
        }
        guard try await list.isLoaded(layout.usersPath, runtime) else {
            throw .unreachable(
                "HAProxy does not keep the chosen users that it is given in \(layout.usersPath)"
            )
        }
    }
}
