import DeployCore
import DeployPorts

extension CommandStep {
    /// By variable, the value that it carries.
    private static let runVariables = [
        "BGDEPLOY_VERSION": "version",
        "BGDEPLOY_SERVICE": "service",
        "BGDEPLOY_STABLE": "stable",
        "BGDEPLOY_CANDIDATE": "candidate",
        "BGDEPLOY_STABLE_URL": "stable.url",
        "BGDEPLOY_CANDIDATE_URL": "candidate.url",
        "BGDEPLOY_PREVIOUS_VERSION": "previous_version",
    ]

    /// The names by which texts refer to what ``runVariables`` carry.
    static let variablesByValue = Dictionary(
        uniqueKeysWithValues: runVariables.map { ($0.value, $0.key) } + [("run", "BGDEPLOY_RUN")]
    )

    /// The whole environment of the command.
    ///
    /// A value that the run does not have leaves its variable unset.
    func environment(for attempt: StepAttempt) throws(StepFailure) -> [String: String] {
        let secrets = attempt.values.secrets.map { (Self.bareName(ofSecret: $0.key), $0.value) }
        let declared = Set(secrets.map(\.0))
        var environment = launcher.environment.filter { name, _ in
            !declared.contains(name) && !name.hasPrefix("BGDEPLOY_")
        }
        for variable in variables {
            environment[variable.name] = try variable.value.resolved(in: attempt.values)
        }
        for (variable, value) in Self.runVariables { environment[variable] = attempt.values.plain[value] }
        environment["BGDEPLOY_RUN"] = attempt.run.rawValue
        environment["BGDEPLOY_STEP"] = attempt.step.rawValue
        environment["BGDEPLOY_ATTEMPT"] = "\(attempt.number)"
        for (name, value) in secrets { environment["BGDEPLOY_SECRET_\(name)"] = value }
        return environment
    }

    private static func bareName(ofSecret name: String) -> String {
        name.hasPrefix("secret.") ? String(name.dropFirst("secret.".count)) : name
    }
}
