package import DeployPorts
import Glibc
import Synchronization

/// The services that one process serves: a playbook file each, read again when it has changed.
///
/// A run keeps the playbook that it was begun with; what changes here is the next one's.
package final class ServiceDirectory: Sendable {
    package struct Listed: Sendable {
        package let path: String
        /// As it was called when its playbook could be read last; the path where that was never.
        package let name: String
        package let service: Result<Service, CommandFailure>
    }

    private struct Known {
        var stamp: [Int]
        var listed: Listed
    }

    /// The playbooks' paths, absolute.
    package let paths: [String]
    private let clock: any Timekeeper
    private let known = Mutex<[String: Known]>([:])

    /// `.badInput` where two playbooks are of the same service: each would undo what the other does.
    package init(paths: [String], clock: any Timekeeper) throws(CommandFailure) {
        self.paths = paths
        self.clock = clock
        var seen: [String: String] = [:]
        for listed in list() {
            if let other = seen.updateValue(listed.path, forKey: listed.name) {
                throw CommandFailure(
                    .badInput,
                    "\(listed.path) and \(other) are both of the service \(listed.name): serve one of them"
                )
            }
        }
    }

    /// Every service, in the order in which they were named.
    package func list() -> [Listed] { paths.map(listed) }

    /// `nil` when none is called so; `.badInput` when its playbook has a mistake.
    package func service(_ name: String) throws(CommandFailure) -> Service? {
        try list().first { $0.name == name }?.service.get()
    }

    private func listed(_ path: String) -> Listed {
        let stamp = Self.stamp(of: path)
        let before = known.withLock { $0[path] }
        if let before, before.stamp == stamp { return before.listed }
        let service: Result<Service, CommandFailure>
        do throws(CommandFailure) {
            service = .success(try Service(playbookAt: path, clock: clock))
        } catch {
            service = .failure(error)
        }
        let name = (try? service.get().name) ?? before?.listed.name ?? path
        let listed = Listed(path: path, name: name, service: service)
        known.withLock { $0[path] = Known(stamp: stamp, listed: listed) }
        return listed
    }

    /// Changes with each change of the file; empty without one.
    private static func stamp(of path: String) -> [Int] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [] }
        return [
            Int(status.st_ino), Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec),
        ]
    }
}
