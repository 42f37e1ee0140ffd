import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation

struct TrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic",
        abstract: "Show or set the split by hand.",
        subcommands: [Show.self, Set.self, Render.self, Install.self],
        defaultSubcommand: Show.self
    )

    struct Show: ServiceCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "The split of every balancer, as observed."
        )

        @OptionGroup var common: CommonOptions
        @OptionGroup var target: ServiceOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let status = try await status(workplace)
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(status.trafficJSON, indent: 1))
            case .text, .github: workplace.printer.line(status.trafficText(workplace.style))
            }
            let errors = status.balancers.compactMap { balancer in
                if case .failure(let error) = balancer.result { error } else { nil }
            }
            return errors.first.map { CommandFailure.status(of: $0) } ?? .done
        }

        private func status(_ workplace: Workplace) async throws(CommandFailure) -> ServiceStatus {
            if let remote = workplace.remote {
                return try await remote.traffic(of: try await workplace.serviceName())
            }
            let service = try workplace.service()
            let seen = await service.fleet.observe().map {
                ServiceStatus.Balancer(name: $0.name, result: $0.result)
            }
            return ServiceStatus(service: service.name, balancers: seen, run: nil, holder: nil)
        }
    }

    struct Render: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "render",
            abstract: "Print a balancer's file as it would be written; change nothing."
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "The split, such as green=25.") var split: String
        @Option(help: "Which balancer, counted from 1 as in the playbook.") var balancer = 1
        @Flag(help: "Print the unified diff.") var diff = false

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let service = try workplace.service()
            let split = try service.split(self.split)
            guard service.fleet.balancers.indices.contains(balancer - 1) else {
                throw CommandFailure(
                    .usage,
                    "--balancer: the playbook has \(service.fleet.balancers.count), found \(balancer)"
                )
            }
            do throws(LoadBalancerError) {
                let change = try await service.fleet.balancers[balancer - 1].render(split)
                if diff {
                    workplace.printer.write(change.diff)
                } else {
                    FileHandle.standardOutput.write(Data(change.after))
                }
            } catch {
                throw CommandFailure(
                    .badInput,
                    "\(service.fleet.balancers[balancer - 1].name): \(error.message)"
                )
            }
            return .done
        }
    }
}

extension ServiceStatus {
    var trafficJSON: JSON {
        guard case .object(let fields) = json else { return .null }
        return .object(
            fields.filter {
                ["service", "split", "chosenUsers", "live", "balancers", "drift"].contains($0.0)
            }
        )
    }

    func trafficText(_ style: Style) -> String {
        var lines: [String] = []
        for balancer in balancers {
            switch balancer.result {
            case .success(let seen):
                lines.append("\(balancer.name)  \(seen.split.map { "\($0)" } ?? "neither")")
            case .failure(let error): lines.append("\(balancer.name)  \(error.message)")
            }
        }
        return (lines + remarks.map { style("! \($0)", .yellow) }).joined(separator: "\n")
    }
}
