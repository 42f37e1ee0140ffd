import BalancerFiles
import DeployCore
import DeployPorts
import SafeFile

/// What old workers still do: a reload leaves each with the connections that it had.
extension NginxBalancer {
    /// How many of them hold how many connections to the environments; `nil` when they hold none.
    ///
    /// They are a part of ``connections(to:)``. Blocks.
    func oldWorkersRemark(_ master: NginxMaster?) -> String? {
        guard let master else { return nil }
        let old = master.oldWorkers().map(\.id)
        guard !old.isEmpty else { return nil }
        let owners = OpenConnections.Owners(ids: old, parent: master.process.id)
        var counts: [(name: EnvironmentName, count: Int)] = []
        for spec in settings.environments {
            // Without their descriptors every program's connections would be told as theirs.
            let count = OpenConnections.owned(by: owners, to: spec.servers.map(ServerAddress.init))
            guard let count else { return nil }
            if count > 0 { counts.append((spec.name, count)) }
        }
        guard !counts.isEmpty else { return nil }
        let workers = old.count == 1 ? "1 old worker still serves" : "\(old.count) old workers still serve"
        let list = counts.map { "\($0.count) to \($0.name)" }.joined(separator: " and ")
        return "\(workers) connections from before the last reload: \(list)"
    }
}
