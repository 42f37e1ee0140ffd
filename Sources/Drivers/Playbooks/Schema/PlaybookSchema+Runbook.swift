import DeployCore
import DeployPorts

/// The keys of a runbook and of its steps.
extension PlaybookSchema {
    static var runbook: SchemaJSON {
        object(
            "What to do when something is wrong with a service.",
            required: ["runbook", "service", "title", "look"],
            [
                (key: "runbook", value: ["description": "Its name.", "type": "string"]),
                (key: "service", value: ["description": "Whose it is.", "type": "string"]),
                (key: "title", value: ["description": "One line.", "type": "string"]),
                (key: "severity", value: severity("Of a failed check that names none: none by default.")),
                (key: "symptoms", value: list("How the trouble shows itself.", of: reference("text"))),
                (key: "url", value: reference("url", "Where the paths of http and websocket go.")),
                (key: "variables", value: named("Constants, used as ${NAME}.", reference("text"))),
                (
                    key: "secrets",
                    value: named("Where secrets come from; by default from the environment.", secret)
                ),
                (key: "notify", value: list("Whom its runs tell.", of: reference("channel"))),
                (key: "look", value: checks("The diagnosis: it only looks.")),
                (key: "actions", value: named("What may help, by name.", action)),
                (key: "manual", value: list("What stays a person's job, in order.", of: reference("text"))),
            ]
        )
    }

    private static var action: SchemaJSON {
        object(
            "Something that changes something, when a person asks for it.",
            required: ["title", "steps"],
            [
                (key: "title", value: ["description": "One line.", "type": "string"]),
                (key: "steps", value: list("What is done.", of: reference("act"), atLeast: 1)),
                (key: "verify", value: checks("What is looked at afterwards: look by default.")),
            ]
        )
    }

    private static func checks(_ description: String) -> SchemaJSON {
        list(description, of: reference("check"), atLeast: 1)
    }

    static func runbookSteps(_ catalogue: Catalogue) -> Entries {
        let kinds = catalogue.stepKinds
        let acts = kinds.map { kind in
            (
                key: "act_\(kind.key)",
                value: object(
                    "A step of an action.",
                    required: [kind.key],
                    ownKeys(of: kind) + common + actionOnly + [shows]
                )
            )
        }
        let checks = kinds.map { kind in
            (
                key: "check_\(kind.key)",
                value: object(
                    "A check.",
                    required: [kind.key],
                    ownKeys(of: kind) + common.filter { $0.key == "name" } + actionOnly + [shows] + meaning
                )
            )
        }
        let gates = PlaybookDecoder.gates.map { reference("step_\($0)") }
        let act = SchemaJSON.list(kinds.map { reference("act_\($0.key)") } + gates)
        let check = SchemaJSON.list(kinds.map { reference("check_\($0.key)") })
        return acts + checks + [
            (key: "act", value: ["anyOf": act]),
            (key: "check", value: kinds.isEmpty ? ["not": [:]] : ["anyOf": check]),
        ]
    }

    private static var shows: (key: String, value: SchemaJSON) {
        (key: "shows", value: flag("Whether a person is shown its output, or a query's rows."))
    }

    private static var meaning: Entries {
        let grades = object(
            "By what the figure of metric is, such as `> 5%`.",
            IncidentSeverity.allCases.map { (key: $0.rawValue, value: reference("figure")) }
        )
        return [
            (key: "reads", value: flag("Your word that this only looks, though it does not show.")),
            (
                key: "severity",
                value: ["anyOf": [severity("How grave its failure is."), grades]]
            ),
            (key: "hint", value: reference("text", "What a person should think of.")),
            (key: "suggests", value: list("Actions that may help.", of: reference("text"))),
        ]
    }

    private static func severity(_ description: String) -> SchemaJSON {
        [
            "description": .text(description),
            "enum": .list(IncidentSeverity.allCases.map { .text($0.rawValue) }),
        ]
    }

    /// The value of a step `metric`.
    static var metricStep: SchemaJSON {
        object(
            "A figure, read once.",
            required: ["from"],
            [
                (
                    key: "from",
                    value: [
                        "description": "Where it comes from.",
                        "anyOf": [
                            gauge("A number in a JSON answer."), reference("metric_prometheus"),
                            reference("metric_command"),
                        ],
                    ]
                ),
                (key: "expect", value: reference("figure", "What it should be; else the check fails.")),
                (key: "within", value: reference("duration", "The longest time it may take.")),
            ]
        )
    }

    static let figure: SchemaJSON = [
        "description": "A bound of a figure, such as `< 80` or `> 5%`; 5% is 0.05.",
        "type": "string", "pattern": "^(<=|>=|!=|==|<|>) *[0-9]",
    ]
}
