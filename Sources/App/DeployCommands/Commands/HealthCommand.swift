import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation
import Playbooks

struct HealthCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Run the playbook's health checks once, or again and again.",
        discussion: "The checks are the steps of `validate` that only look."
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "Which environment; the live one without it.") var environment: String?
    @Option(help: "Again after this time, such as 5s, until stopped.") var every: String?

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let service = try workplace.service()
        let pause = try self.every.map { text throws(CommandFailure) in
            guard let span = Span(playbook: text), span > .zero else {
                throw CommandFailure(.usage, "--every: expected a duration such as 5s, found `\(text)`")
            }
            return span
        }
        let round = try await HealthRound(workplace: workplace, service: service, environment: environment)
        var isHealthy = true
        while true {
            isHealthy = await round.run()
            guard let pause else { break }
            do { try await workplace.clock.sleep(for: pause) } catch { break }
        }
        return isHealthy ? .done : .failed
    }
}

/// The health checks of one environment, once.
private struct HealthRound {
    private let workplace: Workplace
    private let name: EnvironmentName
    private let steps: [(step: Step, action: any StepAction)]
    private let values: Values

    init(workplace: Workplace, service: Service, environment: String?) async throws(CommandFailure) {
        self.workplace = workplace
        name = try await Self.name(environment, service)
        let store = try await workplace.store()
        let known = try? await RunHistory(store: store, service: service.name).version(of: name)
        guard let unknown = Version(rawValue: "unknown") else { preconditionFailure("a valid version") }
        // The environment to look at is in the candidate's place: that is what the checks ask.
        let frozen = RunSession.frozen(
            service,
            version: (known ?? nil) ?? unknown,
            previous: nil,
            stable: service.environment(other: name),
            strategy: nil
        )
        let run = RunID(rawValue: "health")
        do {
            values = try await service.playbook.values(
                for: frozen.plan,
                run: run,
                environment: workplace.environment
            )
        } catch {
            throw CommandFailure(.badInput, error.description)
        }
        var steps: [(step: Step, action: any StepAction)] = []
        for case .steps(let phase) in frozen.plan.phases where phase.name == .validate {
            for step in phase.groups.joined() {
                guard let action = frozen.actions[step.id], action.isReadOnly else { continue }
                steps.append((step, action))
            }
        }
        self.steps = steps
    }

    private static func name(
        _ text: String?,
        _ service: Service
    ) async throws(CommandFailure) -> EnvironmentName {
        guard let text else {
            let split = try await service.observedSplit()
            guard let live = split.live else {
                throw CommandFailure(
                    .failed,
                    "the traffic is divided (\(split)): say which environment to check"
                )
            }
            return live
        }
        guard let name = service.environmentNames.first(where: { $0.rawValue == text }) else {
            let list = service.environmentNames.map(\.rawValue).joined(separator: " or ")
            throw CommandFailure(.usage, "there is no environment `\(text)`: expected \(list)")
        }
        return name
    }

    func run() async -> Bool {
        var isHealthy = true
        for (step, action) in steps {
            let attempt = StepAttempt(
                run: RunID(rawValue: "health"),
                step: step.id,
                number: 1,
                deadline: step.deadline,
                values: values,
                folder: NSTemporaryDirectory(),
                report: { _ in }
            )
            do throws(StepFailure) {
                let result = try await action.perform(attempt)
                tell(step, isGood: true, result.summary)
            } catch {
                isHealthy = false
                tell(step, isGood: false, error.message)
            }
        }
        if steps.isEmpty {
            workplace.printer.line("\(name): the playbook's validate has no check that only looks")
        }
        return isHealthy
    }

    private func tell(_ step: Step, isGood: Bool, _ text: String) {
        if workplace.options.output == .json {
            let fields: [(String, JSON)] = [
                ("environment", .text(name.rawValue)), ("check", .text(step.title)),
                ("healthy", .flag(isGood)),
                ("message", .text(text)),
            ]
            return workplace.printer.line(JSON.text(.object(fields)))
        }
        let mark = workplace.style.mark(isGood ? .succeeds : .fails)
        let told = isGood ? "\(step.title): \(text)" : text
        workplace.printer.line("\(name)  \(mark) \(Style.harmless(told).replacing("\n", with: "\n        "))")
    }
}
