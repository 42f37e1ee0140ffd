import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation
import StoreSQLite

struct TrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic",
        abstract: "Show or set the split by hand.",
        subcommands: [Show.self, Set.self, Render.self, Install.self],
        defaultSubcommand: Show.self
    )

    struct Show: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "The split of every balancer, as observed."
        )

        @OptionGroup var common: CommonOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let service = try workplace.service()
            let seen = await service.fleet.observe().map {
                ServiceStatus.Balancer(name: $0.name, result: $0.result)
            }
            let status = ServiceStatus(service: service.name, balancers: seen, run: nil, holder: nil)
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(status.trafficJSON, indent: 1))
            case .text, .github: workplace.printer.line(status.trafficText(workplace.style))
            }
            let errors = seen.compactMap { if case .failure(let error) = $0.result { error } else { nil } }
            return errors.first.map { CommandFailure.status(of: $0) } ?? .done
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
            let split = try TrafficCommand.split(self.split, service)
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

    /// `green=25` or `green=25%`: the other environment has the rest.
    static func split(_ text: String, _ service: Service) throws(CommandFailure) -> Split {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let names = service.environmentNames
        guard parts.count == 2, let name = names.first(where: { $0.rawValue == parts[0] }) else {
            let list = names.map(\.rawValue).joined(separator: " or ")
            throw CommandFailure(.usage, "`\(text)`: expected a split such as \(names[0])=25, with \(list)")
        }
        let word = parts[1].hasSuffix("%") ? parts[1] : parts[1] + "%"
        guard let share = Percent(playbook: word) else {
            throw CommandFailure(.usage, "`\(text)`: expected a share from 0 to 100, such as 25 or 12.5")
        }
        return Split(name, share, other: service.environment(other: name))
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
