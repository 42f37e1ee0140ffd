import BalancerFiles
package import DeployCore
package import DeployPorts
import SafeFile

extension HAProxyBalancer {
    package func connections(to environment: EnvironmentName) async throws(LoadBalancerError) -> Int {
        let keeper = try keeper()
        let (_, view) = try await readFile(keeper.file)
        let running = try await count(try servers(of: environment, view, try layout(keeper.file)))
        let old = try await oldProcesses()
        return running
            + (await BlockingWork.run { [self] in old?.connections(to: addresses(environment)) } ?? 0)
    }

    /// How many processes from before a reload hold how many connections to the environments, or that this
    /// cannot be told; `nil` when they hold none.
    ///
    /// They are a part of ``connections(to:)``.
    func oldProcessesRemark(besides current: Int) async -> String? {
        await BlockingWork.run { [self] in
            guard let old = OldProcesses(besides: current) else { return nil }
            let who = old.count == 1 ? "1 old process" : "\(old.count) old processes"
            var counts: [String] = []
            for spec in settings.environments {
                guard let count = old.connections(to: spec.servers) else {
                    return
                        "\(who) of HAProxy from before a reload may still serve connections, and they are not counted: only root and the processes' own user may"
                }
                if count > 0 { counts.append("\(count) to \(spec.name)") }
            }
            guard !counts.isEmpty else { return nil }
            return
                "\(who) of HAProxy with connections from before a reload: \(counts.joined(separator: " and "))"
        }
    }

    private func oldProcesses() async throws(LoadBalancerError) -> OldProcesses? {
        let answer = try await HAProxyRuntime(socket: settings.socket, backends: []).ask("show info")
        let line = answer.split(separator: "\n").first { $0.hasPrefix("Pid: ") }
        guard let current = line.flatMap({ Int($0.dropFirst("Pid: ".count)) }) else { return nil }
        return await BlockingWork.run { OldProcesses(besides: current) }
    }

    private func addresses(_ environment: EnvironmentName) -> [String] {
        settings.environments.first { $0.name == environment }?.servers ?? []
    }

    /// Ends what the environment's servers still have; what comes in meanwhile is ended too.
    ///
    /// The sessions of an old process, from before a reload, are not among them: they are counted, and only end by
    /// themselves.
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
