/// What a look at a database found, the worst first.
package struct Diagnosis: Hashable, Sendable {
    /// Hosts, ports and database, without user and password.
    package let place: String
    package let server: ServerProfile
    /// Sorted by severity, and then by topic in the order in which somebody at night asks.
    package let findings: [Finding]
    package let listings: [Listing]
    /// What could not be looked at, and why.
    package let unseen: [Unseen]

    package init(place: String, server: ServerProfile, reports: [TopicReport]) {
        self.place = place
        self.server = server
        findings = reports.flatMap(\.findings).enumerated().sorted { one, other in
            one.element.severity == other.element.severity
                ? (one.element.topic, one.offset) < (other.element.topic, other.offset)
                : one.element.severity > other.element.severity
        }.map(\.element)
        listings = reports.flatMap(\.listings)
        unseen = reports.flatMap(\.unseen)
    }

    /// That of the worst finding.
    package var severity: Finding.Severity { findings.first?.severity ?? .ok }
}

/// What a finding is about.
package enum Topic: String, CaseIterable, Comparable, Sendable {
    case server, blockers, connections, transactions, replication, storage, wraparound, vacuum, indexes
    case sequences, activity, statements

    package static func < (one: Topic, other: Topic) -> Bool {
        (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
    }
}

/// One thing that was seen, and what may be done about it.
package struct Finding: Hashable, Sendable {
    package enum Severity: String, Comparable, Sendable {
        case ok, warn, bad

        package static func < (one: Severity, other: Severity) -> Bool { one.rank < other.rank }

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warn: 1
            case .bad: 2
            }
        }
    }

    package let severity: Severity
    package let topic: Topic
    /// With figures, in one line.
    package let seen: String
    /// A line for each thing concerned; a tree is indented by spaces.
    package var details: [String] = []
    /// Why it matters; empty for what is in order.
    package var why = ""
    package var remedies: [Remedy] = []

    /// What is in order.
    static func ok(_ topic: Topic, _ seen: String) -> Finding {
        Finding(severity: .ok, topic: topic, seen: seen)
    }
}

/// What a person may do; bgdeploy does not.
package struct Remedy: Hashable, Sendable {
    package let text: String
    /// One statement, complete.
    package let sql: String?

    init(_ text: String, sql: String? = nil) {
        self.text = text
        self.sql = sql
    }
}

/// Figures that are no finding: who is connected, what is large.
package struct Listing: Hashable, Sendable {
    package let topic: Topic
    package let title: String
    package let columns: [String]
    /// Each as long as `columns`.
    package let rows: [[Figure]]
}

/// A value of a listing, with its unit.
package enum Figure: Hashable, Sendable {
    case text(String)
    case count(Int)
    /// A process's, which is no amount.
    case pid(Int)
    case bytes(Int)
    case seconds(Double)
    /// 0 through 1.
    case share(Double)
    case none

    package var words: String {
        switch self {
        case .text(let text): text
        case .count(let count): Words.count(count)
        case .pid(let pid): "\(pid)"
        case .bytes(let bytes): Words.bytes(bytes)
        case .seconds(let seconds): Words.seconds(seconds)
        case .share(let share): Words.percent(share)
        case .none: "–"
        }
    }
}

extension Figure {
    static func seconds(_ value: Double?) -> Figure { value.map { Figure.seconds($0) } ?? .none }
    static func text(_ value: String?) -> Figure { value.map { Figure.text($0) } ?? .none }
}

/// What could not be looked at.
package struct Unseen: Hashable, Sendable {
    package let topic: Topic
    /// In one line, with what would help.
    package let reason: String
}

/// What follows from the figures of one question.
package struct TopicReport: Hashable, Sendable {
    package var findings: [Finding] = []
    package var listings: [Listing] = []
    package var unseen: [Unseen] = []
}
