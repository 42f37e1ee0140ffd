import BalancerFiles
package import DeployPorts

/// One HAProxy as a playbook's entry describes it.
package struct HAProxySettings: Hashable, Sendable {
    /// The configuration file that holds the backend; absolute.
    package var file: String
    package var backend: String
    /// The stats socket with level admin; absolute.
    package var socket: String
    /// The command that tests the configuration: an argument that equals `file` is replaced by the text's
    /// temporary file.
    ///
    /// `nil` for `haproxy -c -q -f FILE`.
    package var test: [String]?
    /// Exactly two.
    package var environments: [EnvironmentSpec]
    package var service: String
    /// Where commands run.
    package var folder: String

    package init(
        file: String,
        backend: String,
        socket: String,
        test: [String]? = nil,
        environments: [EnvironmentSpec],
        service: String,
        folder: String = "/"
    ) {
        self.file = file
        self.backend = backend
        self.socket = socket
        self.test = test
        self.environments = environments
        self.service = service
        self.folder = folder
    }

    /// Reads the keys `haproxy`, `backend`, `socket`, `test` and `on` of a balancer's entry and reports every
    /// mistake in them; `nil` when a needed one is missing.
    package static func settings(
        from reader: inout MapReader,
        _ context: BalancerContext
    ) -> HAProxySettings? {
        let file = reader.word("haproxy")
        let backend = reader.word("backend")
        let socket = reader.word("socket")
        let test = reader.command("test")
        if let value = reader.optional("on") {
            reader.diagnostics.report(
                value.position,
                "`on` is not available in this version: a balancer is changed on the host that bgdeploy runs on"
            )
        }
        guard let file, let backend, let socket else { return nil }
        return HAProxySettings(
            file: context.absolute(file),
            backend: backend,
            socket: context.absolute(socket),
            test: test,
            environments: context.environments,
            service: context.service,
            folder: context.folder
        )
    }

    /// JSON Schema of the entry; the key `log` belongs to the metrics source.
    package static let schema = """
        {
          "type": "object",
          "required": ["haproxy", "backend", "socket"],
          "properties": {
            "haproxy": {"type": "string", "minLength": 1, "description": "The file that holds the backend."},
            "backend": {"type": "string", "minLength": 1, "description": "The name of the backend or listen section."},
            "socket": {"type": "string", "minLength": 1, "description": "The stats socket, with level admin."},
            "test": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that tests the file; haproxy -c -q -f FILE by default."},
            "log": {"type": "string", "description": "Where HAProxy sends its log."}
          },
          "additionalProperties": false
        }
        """
}
