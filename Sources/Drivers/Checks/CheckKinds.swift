package import DeployPorts
import HTTPClient

/// Every kind of check that a playbook may name.
package enum CheckKinds {
    /// `http`, `websocket` and `scenario` share the cookies of a phase.
    package static func all() -> [StepKind] {
        let jars = CookieJars()
        return [
            HTTPStep.kind(client: HTTPClient(), jars: jars), WebSocketStep.kind(jars: jars),
            ScenarioStep.kind(jars: jars), TCPStep.kind(), TLSStep.kind(), PostgresStep.kind(),
            RedisStep.kind(), EnvironmentStep.kind(),
        ]
    }
}
