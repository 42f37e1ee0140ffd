/// What a runbook's run tells.
extension Teller {
    func notices(of part: RunbookPart, before: RunState?, _ transition: Reducer.Transition) -> [Notice] {
        let subject = part.subject
        var notices: [Notice] = []
        if before == nil, part.action != nil {
            let who = plan.startedBy.map { " by \($0)" } ?? ""
            notices.append(notice(.started, "\(subject) was begun\(who)", plan.reason))
        }
        notices += approvals(transition, of: subject, run: " \(run)")
        if let pause = after.pause, before?.pause == nil {
            let detail = (pause.reason.map { "\($0)\n" } ?? "") + "Go on: bgdeploy resume \(run)"
            notices.append(notice(.waiting, "\(subject) was paused by \(pause.by)", detail))
        }
        guard before?.isSettled != true, after.isSettled else { return notices }
        if let ending = ending(of: part) { notices.append(ending) }
        return notices + news(of: part)
    }

    /// How an action ended; a look ends with its news alone.
    private func ending(of part: RunbookPart) -> Notice? {
        let failed = findings.findings(of: part).filter(\.hasFailed)
        switch after.stage {
        case .ended(.failed(let reason)):
            let detail = part.action == nil ? reason : "\(reason)\nWhat its steps did before stays done."
            return notice(.failed, "\(part.subject) failed", detail)
        case .released where part.action == nil: return nil
        case .released where failed.isEmpty:
            return notice(.succeeded, "\(part.subject) is done and verified", nil)
        case .released:
            return notice(.failed, "\(part.subject) is done, but the trouble is still there", told(failed))
        case .idle, .forward, .returning, .ended: return nil
        }
    }

    /// Trouble is told when it is new or graver than before, and when it is gone.
    private func news(of part: RunbookPart) -> [Notice] {
        let known = part.incident
        guard let incident = findings.incident(after: after, of: run) else {
            guard let known else { return [] }
            let length = Span.seconds(at.since(known.since).milliseconds / 1000)
            let detail = "It lasted \(length), from \(known.since.utcText)"
            return [notice(.resolved, "\(part.place): \(part.title): resolved", detail, incident: known)]
        }
        guard incident != known else { return [] }
        let failed = findings.findings(of: part).filter(\.hasFailed)
        let grade = incident.severity.map { "\($0): " } ?? ""
        let title = "\(grade)\(part.place): \(part.title)"
        let detail = told(failed) + "\nLook: bgdeploy runbook \(part.name)"
        let rank = incident.severity?.rank
        var notices = [notice(.incident, title, detail, rank: rank, incident: incident)]
        if let severity = incident.severity {
            let topic = NoticeTopic.severity(severity.rawValue)
            notices.append(notice(topic, title, detail, rank: rank, incident: incident))
        }
        return notices
    }

    private func told(_ failed: [RunbookFold.Finding]) -> String {
        failed.map { finding in
            guard case .failed(let reason) = finding.outcome else { return finding.check.title }
            let first = reason.split(whereSeparator: \.isNewline).first.map(String.init) ?? reason
            return (finding.severity.map { "\($0): " } ?? "") + first
        }
        .joined(separator: "\n")
    }
}

extension RunbookPart {
    /// `mina database-connections`.
    public var place: String { "\(service) \(name)" }
    /// `mina database-connections: failover`; without the action for a look.
    public var subject: String { action.map { "\(place): \($0)" } ?? place }
}
