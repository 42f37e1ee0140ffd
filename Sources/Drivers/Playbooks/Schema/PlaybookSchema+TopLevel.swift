import DeployCore

/// The keys of a playbook and of its sections.
extension PlaybookSchema {
    static var topLevel: Entries {
        [
            (key: "service", value: ["description": "The name of what is released.", "type": "string"]),
            (
                key: "public_url",
                value: reference("url", "Where users reach the service, through the balancers.")
            ),
            (key: "environments", value: named("The two environments.", environment, count: 2...2)),
            (
                key: "balancers",
                value: list(
                    "Everything that divides the traffic; a change goes to all of them or to none.",
                    of: reference("balancer"),
                    atLeast: 1
                )
            ),
            (
                key: "unreachable",
                value: choice(
                    "What becomes of a run when a balancer cannot be reached: stop by default.",
                    "stop",
                    "continue"
                )
            ),
            (key: "strategy", value: strategy),
            (
                key: "preflight",
                value: phase("Finds out whether the run can be carried out; changes nothing.")
            ),
            (key: "prepare", value: phase("Brings the new version to the candidate.")),
            (key: "migrate", value: reference("migrate", "Brings the database forward.")),
            (key: "warm_up", value: phase("Gets the candidate ready for traffic.")),
            (key: "validate", value: phase("Checks the candidate before it gets traffic.")),
            (key: "drain", value: drain),
            (key: "monitor", value: monitor),
            (key: "rollback", value: rollback),
            (
                key: "severity",
                value: named(
                    "How grave errors and slowness are, the gravest first: P0 for `> 5%`.",
                    severity
                )
            ),
            (key: "promises", value: promises),
            (key: "notify", value: list("Whom a run tells.", of: reference("channel"))),
            (
                key: "afterwards",
                value: list(
                    "What is done some time after the release.",
                    of: ["anyOf": [followUp, reference("retirement")]]
                )
            ),
            (key: "order", value: order),
            (
                key: "version_pattern",
                value: [
                    "description": "A regular expression that every version must match as a whole.",
                    "type": "string",
                ]
            ),
            (
                key: "secrets",
                value: named("Where secrets come from; by default from the environment.", secret)
            ),
        ]
    }

    private static func phase(_ description: String) -> SchemaJSON {
        list(description, of: reference("step"))
    }

    static var environment: SchemaJSON {
        object(
            "One environment.",
            required: ["url", "servers"],
            [
                (key: "url", value: reference("url", "Where its application answers, past the balancers.")),
                (
                    key: "servers",
                    value: list(
                        "Its servers as they stand in the balancers' configuration: host:port or a socket.",
                        of: ["type": "string"],
                        atLeast: 1
                    )
                ),
            ]
        )
    }

    private static var severity: SchemaJSON {
        let both = object(
            "Either is enough.",
            [
                (key: "errors", value: reference("limit", "A limit of the error rate: `> 3%`.")),
                (
                    key: "latency",
                    value: reference(
                        "limit",
                        "A limit of the p95, as a multiple of the stable one's: `> 1.5x`."
                    )
                ),
            ]
        )
        return ["anyOf": [reference("limit", "A limit of the error rate, in percent."), both]]
    }

    private static var promises: SchemaJSON {
        object(
            "How long the way back may take, from the decision until the balancers confirm it.",
            [
                (key: "instant", value: reference("duration", "From an instant switch.")),
                (key: "canary", value: reference("duration", "From a canary.")),
                (key: "ab", value: reference("duration", "From a test with chosen users.")),
                (key: "gradual", value: reference("duration", "Step by step.")),
            ]
        )
    }

    static var secret: SchemaJSON {
        let source = object(
            "A file or a command; without either, the environment variable of the same name.",
            [
                (key: "file", value: ["description": "A file that holds it.", "type": "string"]),
                (
                    key: "command",
                    value: list("A command that prints it.", of: reference("text"), atLeast: 1)
                ),
            ]
        )
        return ["anyOf": [["type": "null"], source]]
    }

    private static var strategy: SchemaJSON {
        let canary = object(
            "A canary: a share of the traffic first, or chosen users, more when it does well.",
            [
                (
                    key: "canary",
                    value: list(
                        "The candidate's shares, rising to 100%.",
                        of: reference("percent"),
                        atLeast: 1
                    )
                ),
                (
                    key: "hold",
                    value: reference("duration", "How long each share is watched: 10m by default.")
                ),
                (
                    key: "early",
                    value: flag("Whether a hold ends early when the evidence is in, the default.")
                ),
                (
                    key: "evidence",
                    value: choice(
                        "Whether a hold that ends without evidence that the candidate is good waits for a "
                            + "person: wanted by default.",
                        "wanted",
                        "required"
                    )
                ),
                (
                    key: "sticky",
                    value: [
                        "description": "By what a user stays on his side: cookie:NAME, header:NAME, address.",
                        "type": "string",
                        "pattern": "^(none|address|cookie:[0-9A-Za-z_.-]+|header:[0-9A-Za-z_-]+)$",
                    ]
                ),
                (key: "ab", value: chosenUsers),
                (
                    key: "holdback",
                    value: [
                        "description": "What stays on the stable environment until monitor has passed: 5%.",
                        "anyOf": [["const": "none"], reference("percent")],
                    ]
                ),
            ]
        )
        return [
            "description": "How the traffic goes over: instant by default.",
            "anyOf": [["const": "instant"], canary],
        ]
    }

    private static var chosenUsers: SchemaJSON {
        object(
            "The users who go to the candidate first, whatever its share is.",
            [
                (key: "header", value: ["description": "The header that names a user.", "type": "string"]),
                (key: "cookie", value: ["description": "The cookie that names a user.", "type": "string"]),
                (key: "values", value: list("The users.", of: reference("text"), atLeast: 1)),
                (key: "file", value: ["description": "A file with one user a line.", "type": "string"]),
            ]
        )
    }

    private static var drain: SchemaJSON {
        object(
            "Lets the stable environment finish what it has begun.",
            [
                (key: "request", value: reference("action", "Tells the application to drain.")),
                (
                    key: "grace",
                    value: reference("duration", "How long connections may take to end: 30s by default.")
                ),
                (
                    key: "then",
                    value: choice(
                        "What happens when some are left: proceed by default.",
                        "proceed",
                        "stop",
                        "close"
                    )
                ),
                (
                    key: "connections",
                    value: [
                        "description": "Where the stable environment's connections are counted.",
                        "anyOf": [
                            ["const": "balancer"],
                            gauge("A number in a JSON answer of the stable environment."),
                        ],
                    ]
                ),
            ]
        )
    }

    private static var rollback: SchemaJSON {
        object(
            "The way back.",
            [
                (
                    key: "gradual",
                    value: list(
                        "The candidate's shares on a gradual rollback, falling to 0%: 25% and 0% by default.",
                        of: reference("percent"),
                        atLeast: 1
                    )
                ),
                (key: "hold", value: reference("duration", "How long each share is kept: 2m by default.")),
                (key: "then", value: list("What is done once the traffic is back.", of: reference("action"))),
            ]
        )
    }

    private static var followUp: SchemaJSON {
        object(
            "Something that is done later.",
            required: ["in", "do"],
            [
                (key: "in", value: reference("duration", "How long after the end of monitor.")),
                (key: "do", value: list("The steps.", of: reference("action"))),
            ]
        )
    }

    static var retirement: SchemaJSON {
        object(
            "Takes the environment that is no longer live out of service.",
            required: ["retire"],
            [
                (
                    key: "retire",
                    value: object(
                        "When, and what is done then.",
                        [
                            (
                                key: "after",
                                value: reference(
                                    "duration",
                                    "How long after the end of monitor: 7d by default."
                                )
                            ),
                            (
                                key: "do",
                                value: list("The steps, such as stopping it.", of: reference("action"))
                            ),
                        ]
                    )
                )
            ]
        )
    }

    private static var order: SchemaJSON {
        let phases = PlaybookDecoder.movable.map { SchemaJSON.text($0.rawValue) }
        return list(
            "The order of the phases; only drain may move, to directly after switch.",
            of: ["enum": .list(phases)]
        )
    }

    private static var monitor: SchemaJSON {
        object(
            "What is watched after the switch.",
            [
                (key: "for", value: reference("duration", "For how long: 15m by default.")),
                (key: "metrics", value: named("What is judged, by name.", metric)),
                (
                    key: "confidence",
                    value: reference("percent", "How seldom a good candidate is rolled back: 99% by default.")
                ),
                (
                    key: "clustering",
                    value: [
                        "description": "How errors cluster: 1, or 8 with sticky or chosen users.",
                        "type": "number",
                        "minimum": 1,
                        "maximum": 1000,
                    ]
                ),
                (
                    key: "compare",
                    value: choice("What the candidate is compared with: stable by default.", "stable", "none")
                ),
                (
                    key: "probes",
                    value: object(
                        "Requests of bgdeploy's own through the balancers, for a service with few users.",
                        required: ["get"],
                        [
                            (
                                key: "get",
                                value: ["description": "A path.", "type": "string", "pattern": "^/[!-~]*$"]
                            ),
                            (key: "every", value: reference("duration", "1s by default, 20ms at least.")),
                        ]
                    )
                ),
                (key: "dry_run", value: flag("Judge, and only tell what would be rolled back.")),
            ]
        )
    }

    static func gauge(_ description: String) -> SchemaJSON {
        object(
            description,
            required: ["http", "value"],
            [
                (key: "http", value: reference("text", "A path at the environment's URL, or a whole URL.")),
                (key: "value", value: ["description": "The field: pool.active.", "type": "string"]),
            ]
        )
    }
}
