import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile

extension HAProxyBalancer {
    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        let keeper = try keeper()
        let (_, view) = try await readFile(keeper.file)
        return try await count(try servers(of: environment, view, try layout(keeper.file)))
    }

    /// Ends what the environment's servers still have; what comes in meanwhile is ended too.
    ///
    /// The sessions of an old process, from before a reload, are not among them.
    package func closeConnections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int? {
        let keeper = try keeper()
        let (_, view) = try await readFile(keeper.file)
        let servers = try servers(of: environment, view, try layout(keeper.file))
        let runtime = HAProxyRuntime(socket: settings.socket, backends: [])
        try await runtime.checkLevel()
        let before = try await count(servers)
        guard before > 0 else { return 0 }
        var left = before
        let end = MonotonicClock.milliseconds() + Self.closeBudget
        while left > 0, MonotonicClock.milliseconds() < end {
            for start in stride(from: 0, to: servers.count, by: 40) {
                let batch = servers[start..<min(start + 40, servers.count)]
                try await runtime.order(batch.map { "shutdown sessions server \($0.backend)/\($0.name)" })
            }
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 10) }
            left = try await count(servers)
        }
        return max(0, before - left)
    }

    /// How long closing may take, in milliseconds.
    private static let closeBudget: Int64 = 2000

    /// In mode `map` also the servers of the backend that was there before.
    private func servers(
        of environment: EnvironmentName,
        _ view: BackendView,
        _ layout: MapLayout?
    ) throws(LoadBalancerError) -> [(backend: String, name: String)] {
        guard let names = view.names(of: environment) else {
            throw .misconfigured("\(name) has no environment \(environment)")
        }
        let backends = [settings.backend] + (layout.map { [$0.backend(of: environment)] } ?? [])
        return backends.flatMap { backend in names.map { (backend, $0) } }
    }

    private func count(_ servers: [(backend: String, name: String)]) async throws(LoadBalancerError) -> Int {
        let backends = Set(servers.map(\.backend)).sorted()
        let sessions = try await HAProxyRuntime(socket: settings.socket, backends: backends).sessions()
        return servers.reduce(0) { $0 + (sessions[$1.backend]?[$1.name] ?? 0) }
    }
}
