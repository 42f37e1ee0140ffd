package import DeployCore
import DeployPorts

extension NginxSettings {
    /// The names of the `upstream` blocks that the service's requests go to, and whose servers each holds.
    ///
    /// One that holds the servers of both environments has no owner. nginx logs such a name instead of an
    /// address when it takes all servers of the block for dead.
    package var groups: [String: EnvironmentName?] {
        var groups: [String: EnvironmentName?] = [:]
        groups.updateValue(nil, forKey: upstream)
        guard mode == .switchboard, environments.count == 2 else { return groups }
        let names = BoardNames(self)
        for (side, environment) in environments.enumerated() {
            for hasFallback in [false, true] {
                let pool = names.upstream(side, hasFallback: hasFallback)
                groups.updateValue(environment.name, forKey: pool)
            }
        }
        return groups
    }
}
