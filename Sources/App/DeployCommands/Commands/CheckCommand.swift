import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Playbooks

struct CheckCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Lint the playbook: every mistake with file, line and column."
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The playbook.") var file: String?
    @Flag(help: "Also check that balancers, sockets and configurations are there and can be changed.")
    var live = false
    @Flag(help: "Print the JSON Schema of the playbook language instead.") var schema = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if schema {
            workplace.printer.line(PlaybookSchema.text(catalogue: Catalogue.shared))
            return .done
        }
        let path = file ?? workplace.playbookPath
        let service: Service
        do throws(CommandFailure) {
            service = try Service(fileAt: path, clock: workplace.clock)
        } catch {
            guard error.status == .badInput, workplace.options.output == .json else { throw error }
            let mistakes = error.message.split(separator: "\n").map { JSON.text(String($0)) }
            workplace.printer.line(
                JSON.text(.object([("valid", .flag(false)), ("errors", .list(mistakes))]), indent: 1)
            )
            return .badInput
        }
        if live { try await inspect(service) }
        switch workplace.options.output {
        case .json:
            let fields: [(String, JSON)] = [
                ("valid", .flag(true)),
                ("service", .text(service.playbook.runbook?.service ?? service.name)),
                ("runbook", service.playbook.runbook.map { .text($0.name) } ?? .null), ("errors", .list([])),
            ]
            workplace.printer.line(JSON.text(.object(fields), indent: 1))
        case .text, .github: workplace.printer.line("\(path): fine")
        }
        return .done
    }

    private func inspect(_ service: Service) async throws(CommandFailure) {
        do throws(BalancerFleet.Failure) {
            try await service.fleet.inspect()
            _ = try await service.fleet.agreedSplit()
        } catch {
            throw CommandFailure(.unavailable, error.reason)
        }
    }
}
