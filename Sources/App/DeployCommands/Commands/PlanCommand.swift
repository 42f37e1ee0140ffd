import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Playbooks
import SafeFile

struct PlanCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print everything a run would do, in order; change nothing."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The version, such as v2.5.0.") var version: String
    @Option(help: "instant, canary, ab, or shares such as 10%,50%,100%.") var strategy: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        if let remote = workplace.remote {
            return try await Self.show(version, strategy, workplace, remote)
        }
        let service = try workplace.service()
        let strategy = try self.strategy.map { text throws(CommandFailure) in
            try service.strategy(text)
        }
        return try await Self.show(try service.version(version), service, strategy, workplace)
    }

    /// As the service sees it.
    static func show(
        _ version: String,
        _ strategy: String?,
        _ workplace: Workplace,
        _ remote: RemoteDesk
    ) async throws(CommandFailure) -> ExitStatus {
        let text = try await remote.plan(
            version,
            of: try await workplace.serviceName(),
            strategy: strategy,
            asJSON: workplace.options.output == .json
        )
        workplace.printer.line(text)
        return .done
    }

    static func show(
        _ version: Version,
        _ service: Service,
        _ strategy: Playbook.Strategy?,
        _ workplace: Workplace
    ) async throws(CommandFailure) -> ExitStatus {
        let store = try await workplace.desk().store()
        let attended = try AttendedSession(workplace, store)
        let view = try await PlanView.of(version, service, strategy, attended.session)
        switch workplace.options.output {
        case .json: workplace.printer.line(JSON.text(view.json, indent: 1))
        case .text, .github: workplace.printer.line(view.text(workplace.style))
        }
        return .done
    }
}
