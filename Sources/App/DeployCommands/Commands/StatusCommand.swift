import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation

struct StatusCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Where the service stands: live environment, split as observed, active run."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var target: ServiceOptions
    @Argument(help: "The run; the latest without one.") var run: String?
    @Flag(help: "Show it again every second until stopped.") var watch = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let look = try await look(workplace)
        repeat {
            let status = try await look()
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(status.json, indent: watch ? nil : 1))
            case .text, .github:
                if watch, workplace.usesColor { workplace.printer.write("\u{1B}[H\u{1B}[2J") }
                workplace.printer.line(status.text(workplace.style, now: workplace.clock.now()))
            }
            if watch {
                do { try await workplace.clock.sleep(for: .seconds(1)) } catch { return .done }
            }
        } while watch
        return .done
    }

    private typealias Look = () async throws(CommandFailure) -> ServiceStatus

    private func look(_ workplace: Workplace) async throws(CommandFailure) -> Look {
        guard let remote = workplace.remote else {
            let store = try await workplace.store()
            let service = try await workplace.service(of: run, store)
            return { () async throws(CommandFailure) in
                try await ServiceStatus.read(service, store, run: run)
            }
        }
        let service = try await workplace.serviceName()
        return { () async throws(CommandFailure) in try await remote.status(of: service, run: run) }
    }
}
