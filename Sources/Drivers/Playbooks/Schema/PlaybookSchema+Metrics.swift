/// The metrics of `monitor` and where they come from.
extension PlaybookSchema {
    static var metric: SchemaJSON {
        object(
            "One metric and its limits.",
            required: ["from"],
            [
                (
                    key: "from",
                    value: [
                        "description": "Where it comes from.",
                        "anyOf": [
                            ["const": "balancer"], gauge("A number in a JSON answer of the candidate."),
                            reference("metric_prometheus"), reference("metric_command"),
                        ],
                    ]
                ),
                (key: "instant", value: reference("limit", "Back at once.")),
                (key: "gradual", value: reference("limit", "Back step by step.")),
                (key: "warn", value: reference("limit", "A remark, nothing more.")),
            ]
        )
    }

    static var metricSources: Entries {
        [(key: "metric_prometheus", value: prometheus), (key: "metric_command", value: command)]
    }

    private static let every = reference("duration", "How often it is read: 10s by default, at least 1s.")

    private static var prometheus: SchemaJSON {
        object(
            "The one sample of an instant query to a Prometheus.",
            required: ["prometheus", "query"],
            [
                (key: "prometheus", value: reference("text", "Its URL: http://prom:9090.")),
                (key: "query", value: reference("text", "PromQL that gives one sample or a scalar.")),
                (key: "bearer", value: reference("text", "A token: ${secret.PROMETHEUS_TOKEN}.")),
                (
                    key: "basic",
                    value: object(
                        "A user and a password.",
                        required: ["user", "password"],
                        [
                            (key: "user", value: reference("text")),
                            (key: "password", value: reference("text")),
                        ]
                    )
                ),
                (key: "every", value: every),
            ]
        )
    }

    private static var command: SchemaJSON {
        object(
            "The number in the last line that a command prints.",
            required: ["command"],
            [
                (
                    key: "command",
                    value: list(
                        "The program and its arguments; no shell.",
                        of: reference("text"),
                        atLeast: 1
                    )
                ),
                (key: "every", value: every),
            ]
        )
    }
}
