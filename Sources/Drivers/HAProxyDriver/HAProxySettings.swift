import BalancerFiles
package import DeployPorts

/// One HAProxy as a playbook's entry describes it.
package struct HAProxySettings: Hashable, Sendable {
    /// The configuration file that holds the backend; absolute.
    package var file: String
    package var backend: String
    /// The stats socket with level admin; absolute.
    package var socket: String
    package var mode: HAProxyMode
    /// The command that tests the configuration: an argument that equals `file` is replaced by the text's
    /// temporary file.
    ///
    /// `nil` for `haproxy -c -q -f FILE`.
    package var test: [String]?
    /// The command that reloads HAProxy, for an installation; `nil` for SIGUSR2 to its master process.
    package var reload: [String]?
    /// Exactly two.
    package var environments: [EnvironmentSpec]
    package var sticky: UserKey?
    package var chosenUsers: ChosenUsers?
    package var service: String
    /// Where commands run.
    package var folder: String

    package init(
        file: String,
        backend: String,
        socket: String,
        mode: HAProxyMode = .weights,
        test: [String]? = nil,
        reload: [String]? = nil,
        environments: [EnvironmentSpec],
        sticky: UserKey? = nil,
        chosenUsers: ChosenUsers? = nil,
        service: String,
        folder: String = "/"
    ) {
        self.file = file
        self.backend = backend
        self.socket = socket
        self.mode = mode
        self.test = test
        self.reload = reload
        self.environments = environments
        self.sticky = sticky
        self.chosenUsers = chosenUsers
        self.service = service
        self.folder = folder
    }

    /// The backend whose servers take an environment's requests: in mode `map` each environment has its own.
    package func backend(of environment: EnvironmentSpec) -> String {
        mode == .map ? "\(backend)_\(environment.name)" : backend
    }

    /// Reads the keys `haproxy`, `backend`, `socket`, `mode`, `test` and `reload` of a balancer's entry and
    /// reports every mistake in them; `nil` when a needed one is missing.
    package static func settings(
        from reader: inout MapReader,
        _ context: BalancerContext
    ) -> HAProxySettings? {
        let file = reader.word("haproxy")
        let backend = reader.word("backend")
        let socket = reader.word("socket")
        let mode = mode(from: &reader, context)
        let test = reader.command("test")
        let reload = reader.command("reload")
        guard let file, let backend, let socket, let mode else { return nil }
        return HAProxySettings(
            file: context.absolute(file),
            backend: backend,
            socket: context.absolute(socket),
            mode: mode,
            test: test,
            reload: reload,
            environments: context.environments,
            sticky: context.sticky,
            chosenUsers: context.chosenUsers,
            service: context.service,
            folder: context.folder
        )
    }

    private static func mode(from reader: inout MapReader, _ context: BalancerContext) -> HAProxyMode? {
        let value = reader.optional("mode")
        let position = value?.position ?? reader.position
        let knowsUsers = context.sticky != nil || context.chosenUsers != nil
        var mode = knowsUsers ? HAProxyMode.map : .weights
        if let value {
            guard let text = reader.text(of: value, "mode") else { return nil }
            guard let known = HAProxyMode(rawValue: text) else {
                reader.diagnostics.report(position, "`mode` must be weights or map, found `\(text)`")
                return nil
            }
            mode = known
        }
        guard mode == .weights else {
            for case let key? in [context.sticky, context.chosenUsers?.key] where !key.isPlain {
                reader.diagnostics.report(
                    position,
                    "`\(key)` has a name that cannot stand in HAProxy's configuration: letters, digits, `-`, `_` and `.` can"
                )
            }
            return mode
        }
        for (key, isUsed) in [("sticky", context.sticky != nil), ("ab", context.chosenUsers != nil)]
        where isUsed {
            reader.diagnostics.report(
                position,
                "HAProxy's weights cannot keep `strategy.\(key)`: give this balancer `mode: map` and run `bgdeploy traffic install` once"
            )
        }
        return mode
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
            "mode": {"enum": ["weights", "map"],
              "description": "weights, the default, changes server weights; map, installed once by bgdeploy traffic install, keeps users where they are and sends chosen ones."},
            "test": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that tests the file; haproxy -c -q -f FILE by default."},
            "reload": {"type": "array", "items": {"type": "string"}, "minItems": 1,
              "description": "The command that reloads HAProxy when mode map is installed; SIGUSR2 to its master process by default."},
            "on": {"type": "string", "pattern": "^ssh://[^/]+$",
              "description": "The host that it runs on, over SSH: ssh://[user@]host[:port]; this one by default."},
            "log": {"type": "string", "description": "Where HAProxy sends its log: unix:/PATH, udp:127.0.0.1:PORT or a file."}
          },
          "additionalProperties": false
        }
        """
}

extension UserKey {
    /// Whether the name can stand in a configuration without quotes.
    fileprivate var isPlain: Bool {
        switch self {
        case .address: true
        case .cookie(let name), .header(let name):
            !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                        UInt8(ascii: "."):
                        true
                    default: false
                    }
                }
        }
    }
}
