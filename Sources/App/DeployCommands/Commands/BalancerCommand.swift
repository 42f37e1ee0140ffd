import ArgumentParser
import DeployOperations
import Playbooks
import RemoteHosts

/// The far side of a playbook's `on`: what `ssh HOST bgdeploy balancer` starts, also as the forced command of a key.
///
/// It takes nothing from the command line that the other side asked for, nor from `SSH_ORIGINAL_COMMAND`.
struct BalancerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer",
        abstract: "Serve a balancer of this host to a bgdeploy at the other end of an SSH connection.",
        shouldDisplay: false
    )

    @Option(name: .customLong("file"), help: "A configuration file that may be named; with none, every one.")
    var files: [String] = []
    @Flag(help: "Let the playbook say which commands test and reload, in spite of --file.")
    var commands = false

    func run() async throws {
        let host = BalancerHost(
            version: programVersion,
            kinds: Catalogue.localBalancerKinds,
            policy: BalancerHost.Policy(files: files, takesCommands: files.isEmpty || commands)
        )
        throw ExitCode(await host.serve() ? ExitStatus.done.rawValue : ExitStatus.usage.rawValue)
    }
}
