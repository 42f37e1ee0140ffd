import ChildProcesses
import Commands
import DeployCore
import Playbooks
package import SecureShell

/// The other hosts on which steps run, looked at before a run needs them.
package struct StepHosts: Sendable {
    /// In milliseconds.
    private static let patience = 15_000

    private let client: SSHClient

    package init(client: SSHClient = .usual()) { self.client = client }

    /// What is wrong with the hosts of `service`'s steps, in words; nothing is done there.
    package func complaints(of service: Service) async -> [String] {
        guard let version = Version(rawValue: "0"), let stable = service.environmentNames.first else {
            return []
        }
        let frozen = RunSession.frozen(
            service,
            version: version,
            previous: nil,
            stable: stable,
            strategy: nil
        )
        let hosts = Set(frozen.actions.values.compactMap { ($0 as? CommandStep)?.host })
        return await withTaskGroup(of: String?.self) { group in
            for host in hosts { group.addTask { await complaint(of: host) } }
            return await group.reduce(into: []) { if let complaint = $1 { $0.append(complaint) } }.sorted()
        }
    }

    /// `nil` when it lets us in and has what a step there needs.
    package func complaint(of host: SSHHost) async -> String? {
        let look = ["sh", "-c", "command -v \(CommandStep.toolsElsewhere.joined(separator: " ")) >/dev/null"]
        let outcome: ShortCommand.Outcome
        do throws(ShortCommandError) {
            outcome = try await ShortCommand.run(
                client.arguments(host, look, isShared: false),
                environment: SSHClient.environment(),
                deadline: Self.patience
            )
        } catch {
            return "\(host) was not asked: \(error.message)"
        }
        switch outcome.status {
        case .exited(0): return nil
        case .exited(SSHComplaint.status):
            return SSHComplaint(outcome.output).message(host, errors: outcome.output)
        case .timedOut: return "\(host) did not answer within \(Self.patience / 1000) s"
        case .exited, .signalled:
            let tools = CommandStep.toolsElsewhere.joined(separator: ", ")
            return "\(host) lacks one of \(tools), which steps there need"
        }
    }
}
