package import DeployPorts
import MetricSources
package import Playbooks

extension Catalogue {
    /// The requests of bgdeploy's own that the playbook asks for while the traffic is watched.
    package static func probes(of playbook: Playbook) -> (any SyntheticTraffic)? {
        guard let probes = playbook.monitor.probes, let url = playbook.publicURL else { return nil }
        return SyntheticRequests(url: url + probes.path, every: probes.every, sticky: playbook.sticky)
    }
}
