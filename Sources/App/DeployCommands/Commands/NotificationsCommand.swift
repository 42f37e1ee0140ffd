import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts

struct NotificationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notifications",
        abstract: "What was not delivered, and what escalates unless somebody acts.",
        subcommands: [List.self, Acknowledge.self],
        defaultSubcommand: List.self
    )

    struct List: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List what was not delivered and what escalates, oldest first."
        )

        @OptionGroup var common: CommonOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let notices = try await NotificationsCommand.notices(workplace)
            let open: [OpenNotice]
            do throws(RunStoreError) {
                open = try await notices.open()
            } catch {
                throw CommandFailure(error)
            }
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(.list(open.map(\.json)), indent: 1))
            case .text, .github:
                if open.isEmpty { workplace.printer.line("everything was told, and nothing escalates") }
                for notice in open {
                    let told = notice.notice
                    let head = "\(told.run)  \(Clock.date(told.at))  \(told.service)  "
                    workplace.printer.line(head + Style.harmless(notice.text))
                }
            }
            return .done
        }
    }

    struct Acknowledge: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "acknowledge",
            abstract: "Say that you take care of what a run has told: nobody else is told of it."
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "The run, as `list` names it.") var run: String

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let notices = try await NotificationsCommand.notices(workplace)
            let recorded = try await RunHistory(store: try await workplace.store(), service: nil).run(run)
            do throws(RunStoreError) {
                try await notices.acknowledge(recorded.record.id)
            } catch {
                throw CommandFailure(error)
            }
            let release = "\(recorded.record.service) \(recorded.record.version)"
            workplace.printer.line("acknowledged by \(workplace.actor): what \(release) has told until now")
            return .done
        }
    }

    private static func notices(_ workplace: Workplace) async throws(CommandFailure) -> Notices {
        let desk = try workplace.desk()
        return Notices(desk: desk, store: try await desk.store())
    }
}
