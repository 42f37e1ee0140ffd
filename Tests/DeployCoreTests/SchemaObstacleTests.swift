import DeployCore
import Testing

@Suite struct SchemaObstacleTests {
    private static let step = Step(id: StepID(rawValue: "migrate/1"), title: "lint")
    private static let breaks = ["lint.compatibility": "breaks", "lint.migrations": "7_drop.sql"]

    /// A run that has migrated, and whose traffic has moved unless told otherwise.
    private static func state(
        _ captures: [String: String],
        forwardFix: String? = nil,
        moved: Bool = true
    ) throws -> RunState {
        let plan = Plan(
            service: "app",
            version: try #require(Version(rawValue: "v2")),
            stable: EnvironmentName("blue"),
            candidate: EnvironmentName("green"),
            phases: [
                .steps(phase: StepsPhase(.migrate, groups: [[step]])), .shift(phase: .instant),
                .monitor(phase: MonitorPhase()),
            ],
            forwardFix: forwardFix
        )
        let at = Timestamp(milliseconds: 0)
        var events = [
            RunEvent(at: at, .started(plan: plan)),
            RunEvent(at: at, .succeeded(effect: 1, captures: captures, summary: nil)),
        ]
        if moved { events.append(RunEvent(at: at, .succeeded(effect: 2, captures: [:], summary: nil))) }
        return try #require(Reducer.fold(events))
    }

    @Test func `what breaks the stable version stands in the way of a rollback`() throws {
        let obstacle = try #require(try Self.state(Self.breaks).schemaObstacle(after: []))
        #expect(obstacle.contains("7_drop.sql") && obstacle.contains("breaks blue"))
        #expect(obstacle.contains("never migrated down"))
    }

    @Test func `what the playbook declares does too, and its forward fix is named`() throws {
        let state = try Self.state(["lint.migrations": "7_drop.sql"], forwardFix: "apply fix.sql")
        #expect(state.schemaObstacle(after: [])?.contains("Go forward: apply fix.sql") == true)
    }

    @Test func `so does what a run before migrated and did not release`() throws {
        let failed = try Self.state(Self.breaks, moved: false)
        let state = try Self.state(["lint.compatibility": "compatible", "lint.migrations": ""])
        #expect(state.schemaObstacle(after: []) == nil)
        #expect(state.schemaObstacle(after: [failed])?.contains("7_drop.sql") == true)
    }

    @Test(arguments: ["compatible", "prepared", "depends", "unknown"])
    func `no other verdict does`(_ verdict: String) throws {
        let captures = ["lint.compatibility": verdict, "lint.migrations": "7_add.sql"]
        #expect(try Self.state(captures).schemaObstacle(after: []) == nil)
    }

    @Test func `nothing does where nothing was pending or no traffic has moved`() throws {
        #expect(try Self.state(Self.breaks, moved: false).schemaObstacle(after: []) == nil)
        #expect(try Self.state(["lint.migrations": ""], forwardFix: "fix").schemaObstacle(after: []) == nil)
    }
}
