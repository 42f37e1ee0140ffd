package import DeployCore
package import DeployPorts
import Notifiers

/// What was not told, or will be told to somebody else unless a person acts.
package struct OpenNotice {
    package enum Stand: String {
        /// It is tried again.
        case waiting
        /// It was given up.
        case undelivered
        /// Nobody has acted yet.
        case escalates
    }

    package let stand: Stand
    let record: OutboxRecord

    package var notice: Notice { record.notice }

    /// One line.
    package var text: String {
        let notice = record.notice
        let why = record.problem.map { ": \($0)" } ?? ""
        return switch stand {
        case .waiting: "not told yet to \(record.name) (\(record.attempts) tries)\(why): \(notice.title)"
        case .undelivered: "NOT DELIVERED to \(record.name)\(why): \(notice.title)"
        case .escalates:
            "goes to \(record.escalatedTo ?? record.name) at \(Clock.time(record.due, seenAt: notice.at)) unless "
                + "somebody acts: \(notice.title)"
        }
    }

    package var json: JSON {
        let notice = record.notice
        return .object([
            ("run", .text(notice.run.rawValue)), ("service", .text(notice.service)),
            ("version", .text(notice.version.rawValue)), ("stand", .text(stand.rawValue)),
            ("topic", .text(notice.topic.rawValue)), ("title", .text(notice.title)),
            ("channel", .text(record.name)),
            ("escalatedTo", record.escalatedTo.map { .text($0) } ?? .null),
            ("at", .text(Clock.iso(notice.at))), ("due", .text(Clock.iso(record.due))),
            ("attempts", .number(record.attempts)),
            ("problem", record.problem.map { .text($0) } ?? .null),
        ])
    }
}

extension Notices {
    /// Says that who acts takes care of what `run` has told so far: nobody else is told of that.
    package func acknowledge(_ run: RunID) async throws(RunStoreError) {
        try await outbox.acknowledge(run, by: actor)
    }

    /// What nobody has acknowledged, oldest first.
    package func open() async throws(RunStoreError) -> [OpenNotice] {
        var found: [OpenNotice] = []
        for record in try await outbox.pending() {
            let isLater = record.escalatedTo != nil && record.attempts == 0
            found.append(OpenNotice(stand: isLater ? .escalates : .waiting, record: record))
        }
        for record in try await outbox.undelivered() {
            found.append(OpenNotice(stand: .undelivered, record: record))
        }
        var open: [OpenNotice] = []
        for notice in found {
            let seen = try await outbox.acknowledged(notice.record.notice.run)
            if seen.map({ $0 < notice.record.notice.at }) ?? true { open.append(notice) }
        }
        return open.sorted { $0.record.notice.at < $1.record.notice.at }
    }
}
