package import DeployCore
package import SecureShell

/// Where a balancer is and how its host is spoken with.
package struct RemotePlace: Sendable {
    package let host: SSHHost
    /// Asked for each connection.
    package let client: @Sendable () -> SSHClient
    /// What is started there; a forced command may stand in its place.
    package let command: [String]
    /// Of this program.
    package let version: String
    package let limits: RemoteLimits

    package init(
        host: SSHHost,
        client: @escaping @Sendable () -> SSHClient,
        command: [String] = ["bgdeploy", "balancer"],
        version: String,
        limits: RemoteLimits = RemoteLimits()
    ) {
        self.host = host
        self.client = client
        self.command = command
        self.version = version
        self.limits = limits
    }
}

/// How long is waited for an answer from another host.
package struct RemoteLimits: Sendable {
    /// For the connection and the first line.
    package var opening = Span.seconds(20)
    /// For calls that only look.
    package var looking = Span.seconds(20)
    /// For calls that test, write or reload; longer than the drivers at the host need for it.
    package var changing = Span.seconds(90)

    package init() {}
}
