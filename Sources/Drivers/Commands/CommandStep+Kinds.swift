import ChildProcesses
import DeployCore
package import DeployPorts
package import SecureShell

extension CommandStep {
    /// `run` and `script`, for the catalogue.
    ///
    /// - Parameters:
    ///   - supervisor: the program that becomes the supervisor when it is started with
    ///     `supervise-step FOLDER`. `/proc/self/exe` is this very program even when its file was replaced.
    ///   - environment: what the commands inherit; `nil` for this process's own.
    ///   - client: how `ssh` is started for those on other hosts.
    /// - Returns: the two kinds.
    package static func kinds(
        supervisor: String = "/proc/self/exe",
        environment: [String: String]? = nil,
        client: @escaping @Sendable () -> SSHClient = { SSHClient.usual() }
    ) -> [StepKind] {
        let launcher = Launcher(
            supervisor: supervisor,
            environment: environment ?? ProcessTable.environment(),
            client: client
        )
        return [
            StepKind(key: "run", schema: runSchema, siblings: siblings) {
                value,
                siblings,
                context,
                diagnostics in
                let reader = CommandReader(diagnostics: diagnostics)
                let command = reader.arguments(value)
                let (variables, host) = (reader.variables(siblings), reader.host(siblings))
                return command.map {
                    CommandStep(
                        command: .run($0),
                        variables: variables,
                        host: host,
                        folder: context.folder,
                        launcher: launcher
                    )
                }
            },
            StepKind(key: "script", schema: scriptSchema, siblings: siblings) {
                value,
                siblings,
                context,
                diagnostics in
                let reader = CommandReader(diagnostics: diagnostics)
                let text = reader.script(value)
                let (variables, host) = (reader.variables(siblings), reader.host(siblings))
                return text.map {
                    CommandStep(
                        command: .script($0),
                        variables: variables,
                        host: host,
                        folder: context.folder,
                        launcher: launcher
                    )
                }
            },
        ]
    }

    private static let siblings = ["env", "on"]

    private static let runSchema = """
        {
          "type": "array",
          "minItems": 1,
          "items": { "type": ["string", "number", "boolean"] },
          "description": "A program and its arguments, without a shell. Values go into single arguments."
        }
        """

    private static let scriptSchema = """
        {
          "type": "string",
          "minLength": 1,
          "description": "A text for /bin/sh. Values come as variables such as $BGDEPLOY_VERSION."
        }
        """
}
