import DeployCore
import DeployTestKit
import Foundation
import Testing

struct TranscriptTests {
    static let names = [
        "abort-waits-for-the-routing", "canary-rolled-back", "chosen-users-first", "closed-window",
        "crash-in-a-hold", "recalled-by-a-person", "released-and-taken-back", "retired", "runbook-action",
        "sick-candidate",
    ]

    private static func plan(of name: String) -> Plan {
        switch name {
        case "chosen-users-first":
            Plans.make(checks: 1, shares: [0, 50, 100], chosenUsers: true, approvals: 0)
        case "closed-window":
            Plans.make(
                window: WindowGate(
                    openings: [
                        Opening(
                            from: Timestamp(milliseconds: 60_000),
                            until: Timestamp(milliseconds: 90_000)
                        )
                    ]
                )
            )
        case "runbook-action": RunbookTests.plan(action: "restart")
        case "retired": Plans.make(checks: 1, approvals: 0, retirement: Plans.retirement)
        default: Plans.make(shares: [10, 50, 100])
        }
    }

    /// Set `BGDEPLOY_RETELL` to write the transcripts anew after a wanted change; read the difference.
    @Test(arguments: names)
    func `tells the same story`(name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Transcripts/\(name).transcript")
        let written = try String(contentsOf: file, encoding: .utf8)
        let told = try Transcript.retell(written, plan: Self.plan(of: name))
        if ProcessInfo.processInfo.environment["BGDEPLOY_RETELL"] != nil {
            try told.write(to: file, atomically: true, encoding: .utf8)
        } else if told != written {
            Issue.record("the story changed; it now reads:\n\(told)")
        }
    }
}
