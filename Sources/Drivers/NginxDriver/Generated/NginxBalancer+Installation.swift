import BalancerFiles
package import DeployPorts
import DeployCore
import Glibc
import SafeFile

/// The file of mode `generated`; the other modes of this class need nothing.
extension NginxBalancer {
    var isFileMissing: Bool { access(settings.file, F_OK) != 0 && errno == ENOENT }

    package func installation() async throws(LoadBalancerError) -> Installation {
        guard settings.mode == .generated else { return Installation() }
        let change = try await BlockingWork.run { [self] () throws(LoadBalancerError) in try wantedFile() }
        var installation = Installation()
        if let change {
            installation.changes = [change]
            if change.before.isEmpty { installation.remarks.append(firstSplitRemark) }
        }
        let prefix = GeneratedText.prefix(settings)
        let used = try await configurationText().map { text in
            ["$\(prefix)_pool", "${\(prefix)_pool}"].contains { text.contains("http://\($0)") }
        }
        if used == false {
            installation.remarks.append(
                "no location uses it yet: put `include \(settings.file);` into `http` where no other include reads it, `proxy_pass http://$\(prefix)_pool;` into the locations, and reload nginx"
            )
        }
        return installation
    }

    private var firstSplitRemark: String {
        let names = settings.environments.map(\.name)
        return
            "it begins with everything on \(names[0]); if \(names[1]) is live, say `bgdeploy traffic set \(names[1])=100` before a location uses it"
    }

    /// The text that the playbook gives the file now; `nil` when it is there already.
    private func wantedFile() throws(LoadBalancerError) -> FileChange? {
        guard !isFileMissing else {
            let text = try GeneratedText.bytes(for: split(allOn: settings.environments[0].name), settings)
            return FileChange(path: settings.file, before: [], after: text)
        }
        let contents = try translated { () throws(FileProblem) in try SafeFile.read(settings.file) }
        let file = try GeneratedFile(contents.bytes, path: contents.path, settings: settings)
        guard let split = file.toldSplit else {
            throw .misconfigured(
                "\(contents.path) was edited so that it does not tell its split; put its line with `_generation` back, or remove the file"
            )
        }
        let text = try GeneratedText.bytes(for: split, settings)
        guard text != contents.bytes else { return nil }
        return FileChange(path: contents.path, before: contents.bytes, after: text)
    }

    package func install(_ installation: Installation, token: FencingToken) async throws(LoadBalancerError) {
        guard settings.mode == .generated, let change = installation.changes.first else { return }
        let isNew = change.before.isEmpty
        if isNew { try await create(change) }
        do throws(LoadBalancerError) {
            try await write(change, token, isNew: isNew)
        } catch {
            if isNew, case .unknown = error { throw error }
            if isNew { try? AtomicFile.remove(change.path) }
            throw error
        }
    }

    private func create(_ change: FileChange) async throws(LoadBalancerError) {
        try await BlockingWork.run { [self] () throws(LoadBalancerError) in
            guard isFileMissing else {
                throw .drifted(file: change.path, diff: "the file has come to be meanwhile")
            }
            try translated { () throws(FileProblem) in
                try AtomicFile.replace(change.path, with: change.after, newMode: 0o644)
            }
        }
    }

    private func write(
        _ change: FileChange,
        _ token: FencingToken,
        isNew: Bool
    ) async throws(LoadBalancerError) {
        let keeper = try keeper()
        let lock = try await keeper.lock(within: MarkKeeper.patience)
        defer { lock.release() }
        let before = try await BlockingWork.run { () throws(LoadBalancerError) in
            var mark = try keeper.mark(admitting: token)
            let contents = try translated { () throws(FileProblem) in try keeper.file.read() }
            guard contents.bytes == (isNew ? change.after : change.before) else {
                let diff = UnifiedDiff.text(before: change.before, after: contents.bytes, path: contents.path)
                throw .drifted(file: contents.path, diff: diff)
            }
            mark.token = token
            mark.service = keeper.service
            mark.written = Digest.sha256(change.after)
            try keeper.save(mark)
            if !isNew {
                try translated(expected: change.before) { () throws(FileProblem) in
                    try keeper.file.replace(with: change.after, expecting: contents.digest)
                }
            }
            return contents
        }
        do throws(LoadBalancerError) {
            try await test()
            try await loadInstalled(change.after, keeper.file.path)
        } catch {
            if !isNew, error.traffic == .unchanged {
                try? keeper.file.replace(with: before.bytes, expecting: nil, modified: before.modified)
            }
            throw error
        }
    }

    /// Where no include reads the file yet, nothing is loaded, and the remark of the installation says so.
    private func loadInstalled(_ bytes: [UInt8], _ path: String) async throws(LoadBalancerError) {
        let name = generation(of: bytes, path) ?? ""
        guard try await configurationText()?.contains(name) ?? true else { return }
        let master = try visibleMaster()
        // The probe's location may come with this very reload.
        let reload =
            master == nil
            ? try reload(to: bytes, path) : NginxReload(master, errorLog: locator.errorLog, proof: nil)
        try await trigger(reload)
        let outcome = await reload.outcome(within: settings.reloadDeadline)
        guard outcome == .inForce else {
            throw .unknown("\(path) is written and tested, and nginx did not load it: \(outcome)")
        }
    }
}
