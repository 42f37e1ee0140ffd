import DeployCore
package import DeployPorts

extension BackupStep {
    /// The playbook's `backup`.
    package static func kind(tools: PostgresTools = .installed) -> StepKind {
        StepKind(key: "backup", schema: schema, captures: ["file", "sha256"]) {
            value,
            _,
            context,
            diagnostics in
            read(value, context, tools, diagnostics)
        }
    }

    private static func read(
        _ value: Parameter,
        _ context: StepContext,
        _ tools: PostgresTools,
        _ diagnostics: Diagnostics
    ) -> BackupStep? {
        let before = diagnostics.all.count
        var reader = MapReader(value, "`backup`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let url = reader.required("postgres").flatMap { URLTemplate.read($0, "postgres", with: reader) }
        let target = reader.required("to").flatMap { reader.template(of: $0, "to") }
        let verification = reader.optional("verify").map { readVerification($0, reader) } ?? .list
        let scratch = reader.optional("scratch").flatMap { value -> URLTemplate? in
            if verification == .list {
                diagnostics.report(value.position, "`scratch` is the server for `verify: restore` alone")
            }
            return URLTemplate.read(value, "scratch", with: reader)
        }
        let age = reader.span("keep")
        let encryption = reader.optional("encrypt").flatMap { readCommand($0, "encrypt", reader) }
        let upload = reader.optional("upload").flatMap { readCommand($0, "upload", reader) }
        reader.finish()
        guard let url, let target, let verification, diagnostics.all.count == before else { return nil }
        return BackupStep(
            url: url,
            target: target,
            verification: verification,
            scratch: scratch,
            age: age,
            encryption: encryption,
            upload: upload,
            service: context.service,
            folder: context.folder,
            tools: tools
        )
    }

    private static func readVerification(_ value: Parameter, _ reader: MapReader) -> Verification? {
        switch reader.text(of: value, "verify") {
        case "list", "restore-list": return .list
        case "restore": return .restore
        case nil: return nil
        default:
            reader.diagnostics.report(
                value.position,
                "`verify` must be `list` or `restore`, found \(value.kindDescription)"
            )
            return nil
        }
    }

    /// A program and its arguments, without secrets, which everybody could read there.
    private static func readCommand(_ value: Parameter, _ key: String, _ reader: MapReader) -> [Template]? {
        guard let items = reader.list(of: value, key) else { return nil }
        let templates = items.compactMap { reader.template(of: $0, key) }
        if templates.first?.source.isEmpty != false {
            reader.diagnostics.report(value.position, "`\(key)` needs a program")
        }
        for reference in templates.flatMap(\.references) where reference.name.hasPrefix("secret.") {
            reader.diagnostics.report(
                reference.position,
                "`${\(reference.name)}` cannot be an argument: every user of this host can read the arguments of "
                    + "a process; let the program take it from its environment or a file"
            )
        }
        let file = templates.flatMap(\.references).first { $0.name == fileReference }
        if key == "encrypt", let file {
            reader.diagnostics.report(
                file.position,
                "`encrypt` reads the dump from its standard input and writes to its standard output: it has no "
                    + "`${file}`"
            )
        }
        return templates.count == items.count ? templates : nil
    }

    private static let schema = #"""
        {
          "description": "A verified dump of a PostgreSQL database.",
          "type": "object",
          "additionalProperties": false,
          "required": ["postgres", "to"],
          "properties": {
            "postgres": { "type": "string", "description": "The URL of the database, from a secret." },
            "to": { "type": "string", "description": "A folder, from the playbook's one; made for its owner alone." },
            "verify": {
              "enum": ["list", "restore-list", "restore"],
              "description": "list: every table is named and every byte read. restore: also restored into a scratch database and compared."
            },
            "scratch": { "type": "string", "description": "The server for verify: restore; by default the same one." },
            "keep": { "type": "string", "description": "Older backups of this service and database are removed after a success: 7d." },
            "encrypt": {
              "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] },
              "description": "A command from standard input to standard output; the plain dump is removed after it."
            },
            "upload": {
              "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] },
              "description": "A command that takes the backup away: ${file}, or BGDEPLOY_BACKUP_FILE in its environment."
            }
          }
        }
        """#
}
