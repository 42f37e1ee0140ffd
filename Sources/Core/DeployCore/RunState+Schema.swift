extension RunState {
    /// Why users should not be put back to the stable version: the schema that it would meet.
    ///
    /// `nil` where the stable version bears the schema as far as is known, and before any traffic moved.
    ///
    /// `earlier` are the states of the runs since the stable version went live, this one left out: one that
    /// failed may have migrated all the same.
    public func schemaObstacle(after earlier: [RunState]) -> String? {
        guard hasMovedTraffic,
            let (run, why) = ([self] + earlier).lazy.compactMap({ run in
                run.incompatibility.map { (run, $0) }
            }).first
        else { return nil }
        let migrations = run.captures["lint.migrations"].map { " (\($0))" } ?? ""
        let who = run.plan.version == plan.version ? "" : " of \(run.plan.version)"
        return """
            the run\(who) has migrated the database\(migrations), and \(why)
            The database is never migrated down. Go forward: \
            \(run.plan.forwardFix ?? "release a version, or a new migration, that works on the schema as it is")
            """
    }

    /// Why the stable version does not bear what this run migrated; `nil` where it does, or nothing was pending.
    ///
    /// By the captures of the step kind `lint`: the worst `compatibility`, and the names of the `migrations` that
    /// were pending. Whether all of them were applied is not asked: half of one may be in force.
    private var incompatibility: String? {
        guard captures["lint.migrations"]?.isEmpty == false else { return nil }
        if captures["lint.compatibility"] == "breaks" {
            return "the linter says that it breaks \(plan.stable)"
        }
        return plan.forwardFix == nil ? nil : "the playbook says that \(plan.stable) may not bear it"
    }
}
