package import DeployCore
package import DeployPorts

/// A journal entry as programs read it: `run`, `event`, `at`, `type`, then what the event brought, then where the
/// run stands after it.
package enum EventJSON {
    package static func line(of entry: JournalEntry, before: RunState?, after: RunState) -> String {
        JSON.text(object(of: entry, before: before, after: after))
    }

    package static func object(of entry: JournalEntry, before: RunState?, after: RunState) -> JSON {
        var fields: [(String, JSON)] = [
            ("run", .text(entry.run.rawValue)),
            ("event", .number(entry.sequence)),
            ("at", .text(Clock.iso(entry.event.at))),
        ]
        fields += what(entry.event.kind, before)
        fields += [
            ("state", .text(after.condition.rawValue)),
            ("phase", after.phase.map { .text($0.rawValue) } ?? .null),
            ("split", after.plan.runbook == nil ? split(after.split) : .null),
            (
                "message",
                .text(
                    Telling.lines(of: entry, before: before, after: after).map(\.text).joined(separator: "\n")
                )
            ),
        ]
        return .object(fields)
    }

    package static func split(_ split: Split) -> JSON {
        .object(split.environments.map { ($0.rawValue, .decimal(split.share(of: $0).value)) })
    }

    private static func what(_ kind: RunEvent.Kind, _ before: RunState?) -> [(String, JSON)] {
        func effect(_ id: Int) -> [(String, JSON)] {
            guard case .step(let step) = before?.pending.first(where: { $0.id == id })?.effect else {
                return [("effect", .number(id))]
            }
            return [("effect", .number(id)), ("step", .text(step.id.rawValue))]
        }
        switch kind {
        case .started(let plan) where plan.runbook != nil:
            return [
                ("type", .text("started")), ("service", .text(plan.service)),
                ("version", .text(plan.version.rawValue)), ("runbook", plan.runbook?.json ?? .null),
            ]
        case .started(let plan):
            return [
                ("type", .text("started")), ("service", .text(plan.service)),
                ("version", .text(plan.version.rawValue)), ("stable", .text(plan.stable.rawValue)),
                ("candidate", .text(plan.candidate.rawValue)),
            ]
        case .resumed(let actor): return [("type", .text("resumed")), ("by", .text(actor.name))]
        case .succeeded(let id, _, let summary):
            return [("type", .text("succeeded"))] + effect(id)
                + (summary.map { [("summary", .text($0))] } ?? [])
        case .failed(let id, let reason, let traffic):
            return [("type", .text("failed"))] + effect(id)
                + [("reason", .text(reason)), ("traffic", .text(traffic.rawValue))]
        case .judged(let id, let verdict):
            return [("type", .text("judged")), ("effect", .number(id))] + verdict.fields
        case .commanded(let command, let actor, let reason):
            return [
                ("type", .text("commanded")), ("command", .text(command.word)), ("by", .text(actor.name)),
                ("reason", reason.map { .text($0) } ?? .null),
            ] + command.remarksJSON
        case .noted(let note):
            return [
                ("type", .text("noted")), ("topic", .text(note.topic)),
                ("facts", .object(note.facts.sorted { $0.key < $1.key }.map { ($0, .text($1)) })),
            ]
        }
    }
}

extension Verdict {
    /// `verdict` and `reason`.
    package var fields: [(String, JSON)] {
        switch self {
        case .passed(let text): [("verdict", .text("passed")), ("reason", .text(text))]
        case .rollBack(let text): [("verdict", .text("rollback")), ("reason", .text(text))]
        case .rollBackGradually(let text):
            [("verdict", .text("rollback_gradually")), ("reason", .text(text))]
        case .inconclusive(let text): [("verdict", .text("inconclusive")), ("reason", .text(text))]
        }
    }
}
