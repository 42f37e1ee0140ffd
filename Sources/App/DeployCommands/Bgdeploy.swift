package import ArgumentParser
import DeployOperations

/// The program.
package struct Bgdeploy: AsyncParsableCommand {
    static let version = programVersion

    package static let configuration = CommandConfiguration(
        commandName: "bgdeploy",
        abstract: "Blue/green and canary releases behind nginx and HAProxy.",
        version: "bgdeploy \(version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Releasing",
                subcommands: [
                    RunCommand.self, PlanCommand.self, ResumeCommand.self, ApproveCommand.self,
                    PromoteCommand.self,
                    PauseCommand.self, AbortCommand.self, RollbackCommand.self, RetireCommand.self,
                    AdoptCommand.self,
                ]
            ),
            CommandGroup(
                name: "Looking",
                subcommands: [
                    StatusCommand.self, HealthCommand.self, TrafficCommand.self, HistoryCommand.self,
                    EventsCommand.self, ReportCommand.self, HandoffCommand.self, MonitorCommand.self,
                    AuditCommand.self,
                    JudgeCommand.self, NoteCommand.self, MigrationsCommand.self, RunbookCommand.self,
                ]
            ),
            CommandGroup(
                name: "Serving",
                subcommands: [
                    ServeCommand.self, TokenCommand.self, StateCommand.self, NotificationsCommand.self,
                ]
            ),
            CommandGroup(
                name: "Setting up",
                subcommands: [
                    CheckCommand.self, DoctorCommand.self, InitCommand.self, ConfigCommand.self,
                    DemoCommand.self, BalancerCommand.self,
                ]
            ),
        ]
    )

    package init() {}
}
