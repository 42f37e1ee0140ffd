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
        inherited(by: attempt).merging(try ownEnvironment(of: attempt)) { $1 }
    }

    /// What it has of the orchestrator's.
    func inherited(by attempt: StepAttempt) -> [String: String] {
        let declared = Set(attempt.values.secrets.keys.map(Self.bareName(ofSecret:)))
        return launcher.environment.filter { name, _ in
            !declared.contains(name) && !name.hasPrefix("BGDEPLOY_")
        }
    }

    /// The step's own variables and the run's values.
    func ownEnvironment(of attempt: StepAttempt) throws(StepFailure) -> [String: String] {
        let secrets = attempt.values.secrets.map { (Self.bareName(ofSecret: $0.key), $0.value) }
        var environment: [String: String] = [:]
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
