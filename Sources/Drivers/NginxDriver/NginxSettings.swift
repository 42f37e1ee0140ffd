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
    package var mode = NginxMode.weights
    /// By what a user stays on his side; `nil` when every request is divided anew.
    package var sticky: UserKey?
    package var chosenUsers: ChosenUsers?
    /// Where nginx answers what it does now; `nil` when nobody can ask.
    package var probe: String?
    /// Where the switchboard's links are; absolute.
    ///
    /// `nil` for the usual place.
    package var directory: String?

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

    /// Reads the keys of a balancer's entry and reports every mistake in them; `nil` when the file or the
    /// upstream is missing, or the mode cannot do what the playbook asks for.
    package static func settings(
        from reader: inout MapReader,
        _ context: BalancerContext
    ) -> NginxSettings? {
        let file = reader.word("nginx")
        let upstream = reader.word("upstream")
        let test = reader.command("test")
        let reload = reader.command("reload")
        let pid = reader.word("pid", required: false)
        let mode = NginxMode.mode(from: &reader, context)
        let probe = probe(from: &reader, mode)
        let directory = reader.optional("directory")
        if let directory, let mode, mode != .switchboard {
            reader.diagnostics.report(
                directory.position,
                "`directory` is where `mode: switchboard` keeps its links; `mode: \(mode)` has none"
            )
        }
        guard let file, let upstream, let mode else { return nil }
        var settings = NginxSettings(
            file: context.absolute(file),
            upstream: upstream,
            test: test ?? ["nginx", "-t"],
            reload: reload,
            pidFile: pid.map { context.absolute($0) },
            environments: context.environments,
            service: context.service,
            folder: context.folder
        )
        settings.mode = mode
        settings.sticky = context.sticky
        settings.chosenUsers = context.chosenUsers
        settings.probe = probe
        settings.directory = directory.flatMap { reader.text(of: $0, "directory") }.map(context.absolute)
        return settings
    }

    /// Refuses a probe that nothing would answer.
    private static func probe(from reader: inout MapReader, _ mode: NginxMode?) -> String? {
        guard let value = reader.optional("probe"), let text = reader.text(of: value, "probe") else {
            return nil
        }
        if mode == .weights {
            reader.diagnostics.report(
                value.position,
                "`probe` asks nginx which text of bgdeploy's it runs, and in `mode: weights` the file is yours and names none; say `mode: generated` or `mode: switchboard`, or leave `probe` out: new workers are the evidence then"
            )
            return nil
        }
        guard ServedProbe(text) != nil else {
            reader.diagnostics.report(
                value.position,
                "`probe` must be a URL such as http://127.0.0.1/.well-known/bgdeploy/NAME or http://unix:/run/nginx.sock:/bgdeploy, found `\(text)`"
            )
            return nil
        }
        return text
    }

    /// JSON Schema of the entry; the key `log` belongs to the metrics source.
    package static let schema = """
        {
          "type": "object",
          "required": ["nginx", "upstream"],
          "properties": {
            "nginx": {"type": "string", "minLength": 1, "description": "The file that holds the upstream block; in mode generated, the one to be written."},
            "upstream": {"type": "string", "minLength": 1, "description": "The name of the upstream block."},
            "test": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that tests the configuration; nginx -t by default."},
            "reload": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that reloads; SIGHUP to the master by default."},
            "pid": {"type": "string", "minLength": 1, "description": "The file with the master's process id."},
            "mode": {"enum": ["weights", "switchboard", "generated"],
              "description": "How the traffic is divided; weights by default."},
            "probe": {"type": "string", "minLength": 1, "description": "Where nginx answers what it does now."},
            "directory": {"type": "string", "minLength": 1, "description": "Where mode switchboard keeps its links."},
            "on": {"type": "string", "pattern": "^ssh://[^/]+$",
              "description": "The host that it runs on, over SSH: ssh://[user@]host[:port]; this one by default."},
            "log": {"type": "string", "description": "Where nginx sends its access log."}
          },
          "additionalProperties": false
        }
        """
}
