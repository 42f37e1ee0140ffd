import ChildProcesses
import DeployCore
import DeployPorts
import HTTPClient

extension NoticeDelivery {
    /// What is told, with the values of secrets masked once more.
    func words(_ values: Values) -> (title: String, detail: String?) {
        let redactor = Redactor(secrets: values.secrets.values)
        let prefix = escalatedTo.map { "[\($0)] still nobody: " } ?? ""
        let title = Post.shown(prefix + notice.title, values)
        return (title, notice.detail.map { redactor.masked($0).harmlessLines })
    }

    /// The matter, for programs.
    func facts(_ values: Values) -> [String: JSONValue] {
        let (title, detail) = words(values)
        var facts: [String: JSONValue] = [
            "topic": .string(notice.topic.rawValue), "service": .string(notice.service),
            "version": .string(notice.version.rawValue), "run": .string(notice.run.rawValue),
            "sequence": .number("\(notice.sequence)"), "at": .string(notice.at.iso8601),
            "started_at": .string(notice.runStartedAt.iso8601), "title": .string(title),
        ]
        if let split = notice.movedSplit {
            facts["stable"] = .string(notice.stable.rawValue)
            facts["candidate"] = .string(notice.candidate.rawValue)
            let shares = split.environments.map { ($0.rawValue, JSONValue.number("\(split.share(of: $0))")) }
            facts["split"] = .object(Dictionary(shares) { first, _ in first })
        }
        if let matter = notice.runbook {
            facts["runbook"] = .string(matter.runbook)
            facts["runbook_service"] = .string(matter.service)
            facts["action"] = matter.action.map { .string($0) }
            facts["incident"] = matter.incident.map { .string($0.rawValue) }
        }
        facts["detail"] = detail.map { .string($0) }
        facts["previous_version"] = notice.previousVersion.map { .string($0.rawValue) }
        facts["severity"] = (notice.topic.severity ?? notice.runbook?.severity?.rawValue).map { .string($0) }
        facts["escalated_to"] = escalatedTo.map { .string($0) }
        return facts
    }
}

extension String {
    /// Without control characters but for line ends.
    var harmlessLines: String {
        String(String.UnicodeScalarView(unicodeScalars.filter { $0 == "\n" || $0.isHarmless }))
    }
}
