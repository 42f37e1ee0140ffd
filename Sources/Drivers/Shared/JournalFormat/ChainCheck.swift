import DeployCore
package import DeployPorts

/// An entry where it stands in the chain, and what the table of runs says of it.
package struct ChainLink: Sendable {
    package let position: Int
    package let line: JournalLine
    package let hash: String
    /// For the first entry of a run; `nil` for any other.
    package let run: RunLine?

    package init(position: Int, line: JournalLine, hash: String, run: RunLine?) {
        self.position = position
        self.line = line
        self.hash = hash
        self.run = run
    }
}

/// One row of `runs`.
package struct RunLine: Sendable {
    package let id: String
    package let service: String
    package let version: String
    package let startedAt: Int64
    /// The digest of its text.
    package let playbook: String

    package init(id: String, service: String, version: String, startedAt: Int64, playbook: String) {
        self.id = id
        self.service = service
        self.version = version
        self.startedAt = startedAt
        self.playbook = playbook
    }
}

/// Follows the chain from its beginning and stops at the first entry that does not fit.
package struct ChainCheck {
    package private(set) var count = 0
    package private(set) var head = JournalLine.origin
    package var breach: String?
    private var lastEntry = "the beginning"
    private var sequences: [String: Int] = [:]

    package init() {}

    package mutating func take(_ link: ChainLink) {
        let line = link.line
        let name = "run \(line.run), entry \(line.sequence)"
        if let complaint = complaint(about: link) {
            breach = "\(name): \(complaint)"
            return
        }
        count += 1
        head = link.hash
        lastEntry = name
        sequences[line.run] = line.sequence
    }

    /// Instead of an entry that cannot be read.
    package mutating func takeDamaged() { breach = "after \(lastEntry): a row is damaged" }

    /// Compares with where the journal says that it ends; `nil` when it does not say.
    package mutating func end(at end: (position: Int, hash: String)?) {
        if breach != nil { return }
        if let end, end.position == count, end.hash == head { return }
        breach = "after \(lastEntry): the journal's end is not the one that was written last"
    }

    package var report: ChainReport { ChainReport(entryCount: count, head: head, breach: breach) }

    private func complaint(about link: ChainLink) -> String? {
        let line = link.line
        guard link.position == count + 1 else {
            return "it is at position \(link.position), but position \(count + 1) is missing before it"
        }
        guard line.previous == head else { return "it does not follow \(lastEntry)" }
        let expected = (sequences[line.run] ?? 0) + 1
        guard line.sequence == expected else { return "entry \(expected) is missing before it" }
        guard line.digest == link.hash else { return "it was changed after it was written" }
        return complaintAboutRun(link)
    }

    /// The table of runs must say what the run's first entry says.
    private func complaintAboutRun(_ link: ChainLink) -> String? {
        let line = link.line
        guard line.sequence == 1 else {
            return link.run == nil ? nil : "it is taken for the first entry of a run"
        }
        // An entry of a later version is whole even if this one cannot read it.
        guard let event = try? JournalCoding.decode(RunEvent.self, from: line.event) else { return nil }
        guard case .started(let plan) = event.kind else { return "a run must begin with its start" }
        let isSame =
            link.run?.id == line.run && link.run?.service == plan.service
            && link.run?.version == plan.version.rawValue
            && link.run?.startedAt == event.at.milliseconds
        return isSame ? nil : "the table of runs says something else about this run"
    }
}
