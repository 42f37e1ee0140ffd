package import DeployPorts

extension RehearseStep {
    /// The playbook's `rehearse`, which reads the `apply` beside it.
    ///
    /// - Parameter supervisor: our own program, as in the other steps that start commands.
    /// - Returns: the kind, for the catalogue.
    package static func kind(supervisor: String = "/proc/self/exe") -> StepKind {
        StepKind(key: "rehearse", schema: schema, siblings: ["apply"]) {
            value,
            siblings,
            context,
            diagnostics in
            let before = diagnostics.all.count
            var reader = MapReader(value, "`rehearse`", diagnostics: diagnostics)
            let url = reader.required("database").flatMap { reader.template(of: $0, "database") }
            let downAndUp = reader.flag("down_and_up") ?? false
            reader.finish()
            let apply = ApplySibling.read(
                siblings,
                for: "rehearse",
                at: reader.position,
                context,
                supervisor: supervisor,
                diagnostics
            )
            guard let url, let apply, diagnostics.all.count == before else { return nil }
            return RehearseStep(url: url, downAndUp: downAndUp, apply: apply)
        }
    }

    private static let schema = """
        {
          "description": "Applies what is pending to a database that nobody uses.",
          "type": "object",
          "additionalProperties": false,
          "required": ["database"],
          "properties": {
            "database": {
              "type": "string",
              "description": "Its URL, from a secret. Refused when it is the database that apply names."
            },
            "down_and_up": {
              "type": ["boolean", "string"],
              "description": "Whether it goes down again and up once more; false by default."
            }
          }
        }
        """
}
