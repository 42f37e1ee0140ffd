import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Playbooks
import StoreSQLite

extension TrafficCommand {
    struct Set: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Set the split by hand; verified, and journalled like everything else."
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "The split, such as green=25.") var split: String
        @Option(help: "Why, for the journal.") var reason: String?

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let service = try workplace.service()
            let split = try TrafficCommand.split(self.split, service)
            guard workplace.confirm("Set the traffic of \(service.name) to \(split)?") else { return .failed }
            let store = try await workplace.store()
            let purpose = "traffic set \(self.split)"
            return try await workplace.desk().holding(service, store, purpose) {
                lease,
                token throws(CommandFailure) in
                let history = RunHistory(store: store, service: service.name)
                let change = HandSetSplit(
                    desk: try workplace.desk(),
                    service: service,
                    lease: lease,
                    token: token
                )
                try await change.set(split, history, reason)
                workplace.printer.line("\(split)")
                return .done
            }
        }
    }
}
