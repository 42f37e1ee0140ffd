import BalancerFiles
import DeployCore
import DeployPorts
import SafeFile

/// A change that was tested and is neither in the files nor in force.
struct HAProxyChange: Sendable {
    let keeper: MarkKeeper
    let layout: MapLayout?
    /// The configuration, and in mode `map` the share map.
    var files: [FileEdit]
    /// What of the configuration no weight changes.
    let outline: String
    let split: Split
    /// The weights for the configuration, by server.
    let weights: [String: Int]
    /// What is to run, and what ran when the change was staged.
    let order: RuntimeOrder
    let running: RuntimeOrder
    /// Whether the environment that is not the stable one gets more than it has.
    let raisesCandidate: Bool
    /// The mark that goes with the new text, and the mark as it was, but for the token.
    var mark: BalancerMark
    let markBefore: BalancerMark
    let previousBefore: [UInt8]?

    /// A file with its text before and after.
    struct FileEdit: Sendable {
        let path: String
        /// `nil` when there was none.
        var before: FileContents?
        var after: [UInt8]

        /// Writes the new text if the file still has the old one.
        func write(_ temporaries: String) throws(LoadBalancerError) {
            guard after != before?.bytes else { return }
            try translated(expected: before?.bytes ?? []) { () throws(FileProblem) in
                try AtomicFile.replace(path, with: after, expecting: before?.digest, temporaries: temporaries)
            }
        }

        /// The same; on a full disk in place.
        func writeInEmergency(_ temporaries: String) throws(LoadBalancerError) {
            guard after != before?.bytes else { return }
            try translated(expected: before?.bytes ?? []) { () throws(FileProblem) in
                do throws(FileProblem) {
                    try AtomicFile.replace(
                        path,
                        with: after,
                        expecting: before?.digest,
                        temporaries: temporaries
                    )
                } catch {
                    guard case .diskFull = error, before != nil else { throw error }
                    try AtomicFile.overwrite(path, with: after)
                }
            }
        }

        /// Writes the old text if the file has the new one.
        func takeBack(_ temporaries: String) throws(LoadBalancerError) {
            guard let before, after != before.bytes else { return }
            try translated { () throws(FileProblem) in
                let now = try SafeFile.read(path)
                guard now.bytes == after else { return }
                try AtomicFile.replace(
                    path,
                    with: before.bytes,
                    expecting: now.digest,
                    temporaries: temporaries,
                    modified: before.modified
                )
            }
        }
    }

    /// Writes all files and the mark, at the same time: what takes long is the disk.
    ///
    /// A crash between them leaves a text that bgdeploy does not know for its own, which is safe: it is then
    /// treated as edited by hand.
    func writeFiles() async throws(LoadBalancerError) {
        let changed = files.filter { $0.after != $0.before?.bytes }
        let results = await withTaskGroup(of: Result<Void, LoadBalancerError>.self) { group in
            for file in changed {
                group.addTask { [folder = keeper.file.folder] in
                    await BlockingWork.run {
                        Result { () throws(LoadBalancerError) in try file.write(folder) }
                    }
                }
            }
            group.addTask { [keeper, mark] in
                await BlockingWork.run {
                    Result { () throws(LoadBalancerError) in
                        if try keeper.mark() != mark { try keeper.save(mark) }
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for result in results { try result.get() }
    }
}
