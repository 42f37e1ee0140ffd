package import DeployPorts
package import SecureShell

extension BalancerKind {
    /// The same kind of balancer, which the key `on` puts on another host.
    ///
    /// - Parameters:
    ///   - client: how `ssh` is started.
    ///   - version: of this program, to be compared with the host's.
    ///   - limits: how long the host may take.
    ///   - command: what is started there.
    /// - Returns: the kind.
    package func alsoElsewhere(
        client: @escaping @Sendable () -> SSHClient,
        version: String,
        limits: RemoteLimits = RemoteLimits(),
        command: [String] = ["bgdeploy", "balancer"]
    ) -> BalancerKind {
        BalancerKind(key: key, schema: schema) { reader, context in
            guard let value = reader.optional("on") else { return make(&reader, context) }
            let position = reader.position
            let entry = Parameter.map(reader.takeRest(), position: position)
            guard let text = reader.text(of: value, "on") else { return nil }
            let host: SSHHost
            do throws(SSHHost.Mistake) {
                host = try SSHHost(text)
            } catch {
                reader.diagnostics.report(value.position, "`on`: \(error.message)")
                return nil
            }
            checkPaths(entry, on: host, reader.diagnostics)
            var inner = MapReader(entry, "a balancer of kind `\(key)`", diagnostics: reader.diagnostics)
            let local = make(&inner, context)
            inner.finish(also: ["on"])
            guard let local else { return nil }
            let place = RemotePlace(
                host: host,
                client: client,
                command: command,
                version: version,
                limits: limits
            )
            let opening = Opening(entry, context, version: version)
            // Figures come by a session of their own, so that they do not wait for a reload.
            return ConfiguredBalancer(
                balancer: RemoteBalancer(local.balancer, RemoteLine(opening, at: place)),
                source: local.source.map { RemoteSource($0, RemoteLine(opening, at: place)) }
            )
        }
    }

    /// The playbook's folder is not there: every path says the whole way.
    private func checkPaths(_ entry: Parameter, on host: SSHHost, _ diagnostics: Diagnostics) {
        guard case .map(let entries, _) = entry else { return }
        for one in entries where [key, "socket", "pid", "directory"].contains(one.key) {
            guard case .scalar(let scalar) = one.value, !scalar.text.hasPrefix("/") else { continue }
            diagnostics.report(
                scalar.position,
                "`\(one.key)` is a path on \(host) and must begin with `/`, found `\(scalar.text)`"
            )
        }
    }
}
