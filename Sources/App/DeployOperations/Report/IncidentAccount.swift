package import DeployCore
import DeployPorts
import SequentialStatistics
import TrafficJudgement

/// What a report says of an incident: since when, until when, how grave, and what is due because of it.
package struct IncidentAccount {
    /// `nil` when no name is for it and nobody gave it one.
    package let severity: String?
    /// From when on it can be seen in what was counted, else when somebody decided.
    package let began: Timestamp
    /// When users were all on the stable environment again; `nil` while it goes on.
    package let ended: Timestamp?
    /// Until when the report is due.
    package let reportDue: Timestamp
    /// Until which day the post-mortem is due: of the two gravest severities.
    package let postMortemDue: CalendarDay?

    package static let reportTime = Span.minutes(24 * 60)
    package static let businessDays = 3
    /// Where the playbook has no names for it.
    private static let gravest = ["P0", "P1"]

    /// `nil` for a run in which nothing went wrong for users, unless somebody gave it a severity, and for a
    /// runbook's that found nothing and ended nothing.
    init?(_ report: RunReport) {
        let told = report.notes.texts(.severity).last
        let decided: Timestamp
        if let known = report.run.incident ?? report.plan.runbook?.incident {
            severity = told?.remark.text ?? known.severity?.rawValue
            decided = known.since
            began = decided
            ended = report.run.incident == nil ? report.run.updatedAt : nil
        } else {
            guard report.wayBack != nil || told != nil else { return nil }
            severity = told?.remark.text ?? report.severity
            decided = report.wayBack?.decidedAt ?? told?.at ?? report.run.updatedAt
            began = min(decided, report.rise ?? decided)
            ended = report.wayBack?.confirmedAt ?? (report.wayBack == nil ? told?.at : nil)
        }
        let end = ended ?? decided
        reportDue = end.advanced(by: Self.reportTime)
        let names = report.severities.isEmpty ? Self.gravest : Array(report.severities.prefix(2))
        let isGrave = severity.map(names.contains) ?? false
        postMortemDue = isGrave ? Clock.day(end).after(businessDays: Self.businessDays) : nil
    }

    /// `nil` while it goes on.
    package var length: Span? { ended.map { $0.since(began) } }
}

extension RunReport {
    /// Since when what took the traffic back could be seen in the figures.
    fileprivate var rise: Timestamp? {
        guard let findings, findings.traffic.rollback?.person == nil,
            let peak = findings.replay.peaks.first(where: { $0.part >= 1 })
        else { return nil }
        return findings.traffic.time(of: peak.since)
    }
}

extension CalendarDay {
    /// The day so many days later that are neither Saturday nor Sunday; of holidays nothing is known.
    func after(businessDays: Int) -> CalendarDay {
        var day = self
        var left = businessDays
        while left > 0 {
            day = CalendarDay(number: day.number + 1)
            if day.weekday != .saturday, day.weekday != .sunday { left -= 1 }
        }
        return day
    }
}
