/// How an HAProxy divides the traffic between the two environments.
package enum HAProxyMode: String, Hashable, Sendable, CaseIterable {
    /// By the weights of one backend's servers: every request is divided anew; works on any configuration.
    case weights
    /// By a map that the frontends read, over a backend for each environment: installed once, then users can
    /// stay where they are, chosen ones can be sent, and every tenth of a percent is exact.
    case map
}
