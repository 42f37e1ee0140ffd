package import DeployCore
package import DeployEngine
package import DeployPorts
import Foundation
package import Playbooks

/// One service as a playbook describes it, with everything that a command needs to act on it.
package struct Service: Sendable {
    package let playbook: Playbook
    package let fleet: BalancerFleet
    package let clock: any Timekeeper

    package init(_ playbook: Playbook, clock: any Timekeeper) {
        self.playbook = playbook
        self.clock = clock
        fleet = BalancerFleet(
            playbook.balancers.map(\.balancer),
            environments: playbook.environments,
            whenUnreachable: playbook.unreachable,
            probe: Catalogue.probe,
            clock: clock
        )
    }

    package var name: String { playbook.service }

    package var environmentNames: [EnvironmentName] { playbook.environments.map(\.name) }

    package func environment(other than: EnvironmentName) -> EnvironmentName {
        environmentNames.first { $0 != than } ?? than
    }

    /// As the playbook file at `path` says.
    package init(playbookAt path: String, clock: any Timekeeper) throws(CommandFailure) {
        try self.init(fileAt: path, clock: clock)
        guard playbook.runbook == nil else {
            throw CommandFailure(
                .badInput,
                "\(path) is a runbook and releases nothing; look with `bgdeploy runbook \(path)`"
            )
        }
    }

    /// As the playbook or the runbook at `path` says.
    package init(fileAt path: String, clock: any Timekeeper) throws(CommandFailure) {
        try self.init(text: Self.read(path), path: path, clock: clock)
    }

    /// As `text` says, the playbook of a file at `path`.
    package init(text: [UInt8], path: String, clock: any Timekeeper) throws(CommandFailure) {
        let folder = Self.folder(of: path)
        switch Playbook.load(bytes: text, path: path, folder: folder, catalogue: Catalogue.shared) {
        case .success(let playbook): self.init(playbook, clock: clock)
        case .failure(let error): throw CommandFailure(.badInput, error.description)
        }
    }

    /// Absolute, so that what is left beside a balancer works from everywhere.
    private static func folder(of path: String) -> String {
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        return URL(filePath: path, relativeTo: here).absoluteURL.standardizedFileURL
            .deletingLastPathComponent().path
    }

    private static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw CommandFailure(
                .badInput,
                exists
                    ? "\(path): cannot be read: \(error.localizedDescription)"
                    : """
                    \(path): there is no such playbook
                    Name one with -p FILE or BGDEPLOY_PLAYBOOK, or write a first one with `bgdeploy init`.
                    """
            )
        }
    }

    /// Before anything new is begun with a playbook that would migrate a database down.
    package func refuseWaysDown() throws(CommandFailure) {
        if let found = playbook.waysDown { throw CommandFailure(.badInput, found.description) }
    }

    /// The split that all balancers agree on, or why there is none.
    package func observedSplit() async throws(CommandFailure) -> Split {
        do throws(BalancerFleet.Failure) {
            return try await fleet.agreedSplit()
        } catch {
            throw CommandFailure(error.isMisconfigured ? .badInput : .unavailable, error.reason)
        }
    }
}
