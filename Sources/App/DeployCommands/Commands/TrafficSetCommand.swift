import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Playbooks

extension TrafficCommand {
    struct Set: ServiceCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Set the split by hand; verified, and journalled like everything else."
        )

        @OptionGroup var common: CommonOptions
        @OptionGroup var target: ServiceOptions
        @Argument(help: "The split, such as green=25.") var split: String
        @Option(help: "Why, for the journal.") var reason: String?

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            if let remote = workplace.remote { return try await body(workplace, remote) }
            let service = try workplace.service()
            let split = try service.split(self.split)
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

        private func body(
            _ workplace: Workplace,
            _ remote: RemoteDesk
        ) async throws(CommandFailure) -> ExitStatus {
            let share = try RemoteDesk.Share(split)
            let service = try await workplace.serviceName()
            guard workplace.confirm("Set the traffic of \(service) to \(split)?") else { return .failed }
            let reason = reason
            return try await workplace.attending(remote, FollowedRun()) { () async throws(CommandFailure) in
                try await remote.setTraffic(share, of: service, reason: reason)
                let seen = try await remote.traffic(of: service).observed
                workplace.printer.line(seen.map { "\($0)" } ?? "set; the balancers do not agree yet")
                return .done
            }
        }
    }
}
