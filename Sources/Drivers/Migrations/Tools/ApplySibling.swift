import DeployPorts

/// What `apply` says of tool and database, for the steps that stand beside it.
struct ApplySibling: Sendable {
    private let step: ApplyStep

    var tool: any MigrationTool { step.tool }
    var references: [Reference] { step.references }

    /// Reports a missing `apply` for `key`; what is wrong within it is reported by the step that it is.
    static func read(
        _ siblings: [Parameter.Entry],
        for key: String,
        at position: Position,
        _ context: StepContext,
        supervisor: String,
        _ diagnostics: Diagnostics
    ) -> Self? {
        guard let value = siblings.first(where: { $0.key == "apply" })?.value else {
            diagnostics.report(
                position,
                "`\(key)` needs `apply` beside it, which names the migrations and their database"
            )
            return nil
        }
        let step = ApplyStep.kind(supervisor: supervisor).make(value, [], context, Diagnostics())
        return (step as? ApplyStep).map { Self(step: $0) }
    }

    /// The database that users are on.
    func database(_ values: Values) throws(StepFailure) -> MigrationDatabase {
        try database(at: step.database, values)
    }

    /// Another one, under the same limits.
    func database(at url: Template, _ values: Values) throws(StepFailure) -> MigrationDatabase {
        MigrationDatabase(url: try url.resolved(in: values), values: values, limits: step.limits)
    }
}
