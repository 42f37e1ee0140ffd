package import DeployPorts

extension GateStep {
    /// The playbook's `lint`, which reads the `apply` beside it.
    ///
    /// - Parameter supervisor: our own program, as in the other steps that start commands.
    /// - Returns: the kind, for the catalogue.
    package static func kind(supervisor: String = "/proc/self/exe") -> StepKind {
        StepKind(
            key: "lint",
            schema: schema,
            siblings: ["apply"],
            captures: ["compatibility", "migrations"]
        ) { value, siblings, context, diagnostics in
            let before = diagnostics.all.count
            var reader = MapReader(value, "`lint`", diagnostics: diagnostics)
            let compatibility = strictness("compatible_with_stable", &reader) ?? .required
            let locks = strictness("locks", &reader) ?? .advised
            reader.finish()
            let apply = ApplySibling.read(
                siblings,
                for: "lint",
                at: reader.position,
                context,
                supervisor: supervisor,
                diagnostics
            )
            guard let apply, diagnostics.all.count == before else { return nil }
            return GateStep(compatibility: compatibility, locks: locks, apply: apply, folder: context.folder)
        }
    }

    private static func strictness(_ key: String, _ reader: inout MapReader) -> Strictness? {
        guard let value = reader.optional(key), let text = reader.text(of: value, key) else { return nil }
        let strictness = Strictness(rawValue: text)
        if strictness == nil {
            reader.diagnostics.report(
                value.position,
                "`\(key)` must be required or advised, found `\(text)`"
            )
        }
        return strictness
    }

    private static let schema = """
        {
          "description": "Judges what is pending before anything runs.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "compatible_with_stable": {
              "enum": ["required", "advised"],
              "description": "Whether a statement that breaks the stable version stops the release; required by default."
            },
            "locks": {
              "enum": ["required", "advised"],
              "description": "Whether a long lock or a table rewrite stops the release; advised by default."
            }
          }
        }
        """
}
