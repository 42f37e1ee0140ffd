package import DeployCore
package import DeployPorts
package import SafeFile

/// The mark, the backup and the unfinished change beside one balancer's file.
///
/// Every call that writes needs the lock that ``lock(within:)`` gives.
package struct MarkKeeper: Sendable {
    package let file: MarkedFile
    package let service: String

    package init(path: String, entry: String, service: String) throws(LoadBalancerError) {
        file = try translated { () throws(FileProblem) in try MarkedFile(path, entry: entry) }
        self.service = service
    }

    /// How long another process may hold the lock, in milliseconds.
    package static let patience = 5000

    package func lock(within milliseconds: Int) async throws(LoadBalancerError) -> FileLock {
        do throws(FileProblem) {
            return try await file.lock(within: milliseconds)
        } catch {
            throw LoadBalancerError(error)
        }
    }

    /// The lock, from a holder that hangs too: a bgdeploy that was stopped with it in its hand, or keeps it for
    /// longer than half a second, is killed.
    ///
    /// Whatever it was writing is whole, and what it does next is fenced.
    package func lockInEmergency() async throws(LoadBalancerError) -> FileLock {
        // Who holds it is asked only when somebody does: reading /proc/locks can take 15 ms.
        if let lock = try? await file.lock(within: 0) { return lock }
        let path = file.lockPath
        do throws(FileProblem) {
            let isStopped = await BlockingWork.run { FileLock.isHolderStopped(of: path) }
            return try await file.lock(within: isStopped ? 0 : 500)
        } catch {
            let ours = AtomicFile.name(of: ProcFile.link("/proc/self/exe") ?? "")
            guard case .locked = error,
                Set(["bgdeploy", ours]).contains(where: { FileLock.killHolder(of: path, ifCalled: $0) })
            else { throw LoadBalancerError(error) }
            return try await lock(within: 2000)
        }
    }

    /// The mark; ``BalancerMark/none`` when nothing was ever written here.
    package func mark() throws(LoadBalancerError) -> BalancerMark {
        try translated { () throws(FileProblem) in
            try file.value(BalancerMark.self, at: file.markPath) ?? .none
        }
    }

    /// Whether bgdeploy wrote the text with this digest, for whichever entry of the file: a service may have
    /// several in one file, changed together.
    package func isOurs(digest: String) -> Bool {
        file.markPaths.contains { path in
            (try? file.value(BalancerMark.self, at: path))??.written == digest
        }
    }

    /// The mark, when `token` may write.
    package func mark(admitting token: FencingToken) throws(LoadBalancerError) -> BalancerMark {
        let mark = try mark()
        guard token >= mark.token else { throw .fenced(seen: mark.token) }
        return mark
    }

    /// Makes `token` the lowest that is accepted, and returns the mark before.
    package func raise(to token: FencingToken) async throws(LoadBalancerError) -> BalancerMark {
        let lock = try await lock(within: Self.patience)
        defer { lock.release() }
        return try await BlockingWork.run { () throws(LoadBalancerError) in
            let before = try mark(admitting: token)
            guard token > before.token else { return before }
            var raised = before
            raised.token = token
            raised.service = service
            try save(raised)
            return before
        }
    }

    package func save(_ mark: BalancerMark) throws(LoadBalancerError) {
        try translated { () throws(FileProblem) in try file.setValue(mark, at: file.markPath) }
    }

    /// Writes a mark with the texts that go with it, the mark last.
    package func save(_ opened: OpenedMark) throws(LoadBalancerError) {
        try translated { () throws(FileProblem) in
            let text = AtomicFile.Text(file.markPath, try MarkedFile.encoded(opened.mark))
            try AtomicFile.replaceTogether(opened.texts + [text])
        }
    }

    /// The same on a full disk, too: there the mark is written over in place.
    package func saveInEmergency(_ mark: BalancerMark) throws(LoadBalancerError) {
        do throws(LoadBalancerError) {
            try save(mark)
        } catch {
            try translated { () throws(FileProblem) in
                try AtomicFile.overwrite(file.markPath, with: MarkedFile.encoded(mark))
            }
        }
    }

    /// The text in force before the run's first change, if it is whole.
    package func previousText(_ mark: BalancerMark) throws(LoadBalancerError) -> [UInt8]? {
        let bytes = try translated { () throws(FileProblem) in try file.side(file.previousPath) }
        guard let bytes, Digest.sha256(bytes) == mark.previous else { return nil }
        return bytes
    }

    /// The mark that goes with a change from `text`, in which `now` is in force, to `split`; nothing is written.
    ///
    /// Whenever one environment has everything and is asked to give some of it up, it becomes the stable one
    /// and `text` the backup. Both stay while the traffic is divided, which is the same run, also when a new
    /// process with a higher token goes on with it; and on the way back, as the caller says or as the token that
    /// went forward shows.
    /// `script` is what a person can run to go back.
    package func opened(
        _ mark: BalancerMark,
        token: FencingToken,
        from now: Split?,
        text: [UInt8],
        to split: Split,
        isReturn: Bool,
        script: String
    ) throws(LoadBalancerError) -> OpenedMark {
        var opened = OpenedMark(mark)
        opened.mark.token = token
        opened.mark.service = service
        opened.mark.emergency = nil
        if let live = now?.live, split.live != live, !isReturn, !isWayBack(from: live, mark, token) {
            try translated { () throws(FileProblem) in
                let texts = [
                    AtomicFile.Text(file.previousPath, text),
                    AtomicFile.Text(file.scriptPath, Array(script.utf8), newMode: 0o700),
                ]
                for text in texts where try file.side(text.path) != text.bytes { opened.texts.append(text) }
            }
            opened.mark.stable = live
            opened.mark.opened = token
            opened.mark.previous = Digest.sha256(text)
        }
        return opened
    }

    /// Takes back what ``opened(_:token:from:text:to:isReturn:script:)`` did; `mark` and `previous` are from before it.
    package func close(_ mark: BalancerMark, previous: [UInt8]?) throws(FileProblem) {
        let now = try file.value(BalancerMark.self, at: file.markPath)
        var texts = [AtomicFile.Text(file.markPath, try MarkedFile.encoded(mark))]
        if let previous, now?.previous != mark.previous {
            texts.insert(AtomicFile.Text(file.previousPath, previous), at: 0)
        }
        try AtomicFile.replaceTogether(texts)
    }

    private func isWayBack(
        from live: EnvironmentName,
        _ mark: BalancerMark,
        _ token: FencingToken
    ) -> Bool {
        guard let stable = mark.stable, stable != live else { return false }
        return mark.opened == token
    }
}
