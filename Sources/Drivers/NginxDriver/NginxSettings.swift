import BalancerFiles
package import DeployPorts

/// One nginx as a playbook's entry describes it.
package struct NginxSettings: Hashable, Sendable {
    /// The file that holds the `upstream` block; absolute.
    package var file: String
    package var upstream: String
    /// The command that tests the configuration.
    package var test: [String]
    /// The command that reloads; `nil` for SIGHUP to the master.
    package var reload: [String]?
    /// Where the master's process id is; `nil` to find it through the configuration.
    package var pidFile: String?
    /// Exactly two.
    package var environments: [EnvironmentSpec]
    package var service: String
    /// Where commands run.
    package var folder: String
    /// How long a reload may take until every old worker has stopped accepting, in milliseconds.
    package var reloadDeadline = 10_000

    package init(
        file: String,
        upstream: String,
        test: [String] = ["nginx", "-t"],
        reload: [String]? = nil,
        pidFile: String? = nil,
        environments: [EnvironmentSpec],
        service: String,
        folder: String = "/"
    ) {
        self.file = file
        self.upstream = upstream
        self.test = test
        self.reload = reload
        self.pidFile = pidFile
        self.environments = environments
        self.service = service
        self.folder = folder
    }

    /// Reads the keys `nginx`, `upstream`, `test`, `reload`, `pid` and `on` of a balancer's entry and reports
    /// every mistake in them; `nil` when the file or the upstream is missing.
    package static func settings(
        from reader: inout MapReader,
        _ context: BalancerContext
    ) -> NginxSettings? {
        let file = reader.word("nginx")
        let upstream = reader.word("upstream")
        let test = reader.command("test")
        let reload = reader.command("reload")
        let pid = reader.word("pid", required: false)
        if let value = reader.optional("on") {
            reader.diagnostics.report(
                value.position,
                "`on` is not available in this version: a balancer is changed on the host that bgdeploy runs on"
            )
        }
        guard let file, let upstream else { return nil }
        return NginxSettings(
            file: context.absolute(file),
            upstream: upstream,
            test: test ?? ["nginx", "-t"],
            reload: reload,
            pidFile: pid.map { context.absolute($0) },
            environments: context.environments,
            service: context.service,
            folder: context.folder
        )
    }

    /// JSON Schema of the entry; the key `log` belongs to the metrics source.
    package static let schema = """
        {
          "type": "object",
          "required": ["nginx", "upstream"],
          "properties": {
            "nginx": {"type": "string", "minLength": 1, "description": "The file that holds the upstream block."},
            "upstream": {"type": "string", "minLength": 1, "description": "The name of the upstream block."},
            "test": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that tests the configuration; nginx -t by default."},
            "reload": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that reloads; SIGHUP to the master by default."},
            "pid": {"type": "string", "minLength": 1, "description": "The file with the master's process id."},
            "log": {"type": "string", "description": "Where nginx sends its access log."}
          },
          "additionalProperties": false
        }
        """
}
