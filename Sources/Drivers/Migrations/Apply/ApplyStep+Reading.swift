import DeployCore
package import DeployPorts

extension ApplyStep {
    /// The playbook's `apply`.
    ///
    /// `supervisor` is the program that becomes the supervisor of a tool's process.
    package static func kind(supervisor: String = "/proc/self/exe") -> StepKind {
        StepKind(key: "apply", schema: schema, captures: ["head"]) { value, _, context, diagnostics in
            read(value, context, supervisor: supervisor, diagnostics)
        }
    }

    private static func read(
        _ value: Parameter,
        _ context: StepContext,
        supervisor: String,
        _ diagnostics: Diagnostics
    ) -> ApplyStep? {
        let before = diagnostics.all.count
        var reader = MapReader(value, "`apply`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        refuseWayDown(&reader)
        let tool = MigrationTools.tool(from: &reader, context, supervisor: supervisor)
        let database = reader.required("database").flatMap { reader.template(of: $0, "database") }
        if let database { refusePassword(in: database, diagnostics) }
        var limits = MigrationLimits()
        limits.lock = reader.span("lock_timeout") ?? limits.lock
        limits.lockAttempts = reader.integer("lock_attempts", in: 1...1000) ?? limits.lockAttempts
        limits.statement = reader.span("statement_timeout")
        for (key, span) in [("lock_timeout", limits.lock), ("statement_timeout", limits.statement)]
        where span == .zero {
            diagnostics.report(reader.position, "`\(key)` must be longer than nothing")
        }
        reader.finish()
        guard let tool, let database, diagnostics.all.count == before else { return nil }
        return ApplyStep(tool: tool, database: database, limits: limits)
    }

    private static func refuseWayDown(_ reader: inout MapReader) {
        for key in ["down", "downgrade", "rollback", "undo"] {
            guard let value = reader.optional(key) else { continue }
            reader.diagnostics.report(
                value.position,
                "`\(key)` is not for `apply`: the production database is never migrated down, since what a "
                    + "migration has dropped does not come back; write a forward fix. `rehearse` is where down may run"
            )
        }
    }

    /// The playbook is kept with the run.
    private static func refusePassword(in database: Template, _ diagnostics: Diagnostics) {
        guard database.holdsURLPassword else { return }
        diagnostics.report(
            database.position,
            "`database` has a password in it: put the whole URL into a secret, as in \"${secret.DATABASE_URL}\""
        )
    }

    private static let schema = #"""
        {
          "description": "Applies pending migrations to the production database, forward only, with one tool.",
          "type": "object",
          "additionalProperties": false,
          "required": ["database"],
          "properties": {
            "database": { "type": "string", "description": "The URL of the database, from a secret." },
            "lock_timeout": { "type": "string", "description": "The longest wait for a lock, and of users behind us; 2s." },
            "statement_timeout": { "type": "string", "description": "The longest that one statement runs." },
            "lock_attempts": { "type": ["integer", "string"], "description": "Tries to get the locks, with `sql` only; 10." },
            "sql": { "type": "string", "description": "A folder of plain SQL files, for bgdeploy's own runner." },
            "alembic": { "type": "string", "description": "alembic.ini" },
            "flask": { "type": "string", "description": "The app of Flask-Migrate." },
            "flyway": { "type": "string" },
            "django": { "type": "string" },
            "rails": { "type": "string" },
            "supabase": { "type": "string" },
            "dbmate": { "type": "string" },
            "golang_migrate": { "type": "string" },
            "command": { "type": "object", "description": "Any tool: argument lists `up`, `current` and `pending`." }
          }
        }
        """#
}
