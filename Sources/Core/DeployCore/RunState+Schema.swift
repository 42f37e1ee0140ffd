extension RunState {
    /// Why users should not be put back to the stable version: the schema that it would meet.
    ///
    /// `nil` where the stable version bears the new schema as far as is known, where nothing was pending, and
    /// before any traffic moved. By the captures of the step kind `lint`: the worst `compatibility`, and the
    /// names of the `migrations` that were pending.
    public var schemaObstacle: String? {
        let migrations = captures["lint.migrations"]
        guard hasMovedTraffic, migrations != "", plan.phases.contains(where: { $0.name == .migrate }) else {
            return nil
        }
        let isJudged = captures["lint.compatibility"] == "breaks"
        guard isJudged || plan.forwardFix != nil else { return nil }
        let names = migrations.map { " (\($0))" } ?? ""
        let why =
            isJudged
            ? "the linter says that it breaks \(plan.stable)"
            : "the playbook says that \(plan.stable) may not bear it"
        return """
            the run has migrated the database\(names), and \(why)
            The database is never migrated down. Go forward: \
            \(plan.forwardFix ?? "release a version, or a new migration, that works on the schema as it is")
            """
    }
}
