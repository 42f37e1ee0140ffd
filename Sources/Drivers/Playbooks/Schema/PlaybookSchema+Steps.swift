import DeployPorts

/// Steps: one object per action, so that editors offer what belongs together.
extension PlaybookSchema {
    static func steps(_ catalogue: Catalogue) -> Entries {
        let actions = catalogue.stepKinds.map { kind in
            (
                key: "step_\(kind.key)",
                value: object(
                    "A step that carries out `\(kind.key)`.",
                    required: [kind.key],
                    ownKeys(of: kind) + common + actionOnly
                )
            )
        }
        let actionKeys = catalogue.stepKinds.map(\.key)
        return actions + gateSteps + [
            (key: "action", value: anyStep("A step that does something.", actionKeys)),
            (key: "step", value: anyStep("One action of a phase.", actionKeys + PlaybookDecoder.gates)),
            (
                key: "migration",
                value: anyStep(
                    "A command that migrates.",
                    actionKeys.filter { ["run", "script", "backup"].contains($0) }
                )
            ),
            (key: "migration_parts", value: migrationParts(catalogue)),
            (
                key: "migrate",
                value: [
                    "anyOf": [
                        list("Commands that migrate.", of: reference("migration")),
                        reference("migration_parts"),
                    ]
                ]
            ),
        ]
    }

    /// Its own key and those that belong to it.
    static func ownKeys(of kind: StepKind) -> Entries {
        let siblings = kind.siblings.filter { !PlaybookDecoder.commonKeys.contains($0) }
        let isCommand = ["run", "script"].contains(kind.key)
        let beside = siblings.map { sibling in
            let isHost = isCommand && sibling == "on"
            return (key: sibling, value: isHost ? reference("host") : SchemaJSON.flag(true))
        }
        return [(key: kind.key, value: SchemaJSON.raw(kind.schema))] + beside
    }

    private static var gateSteps: Entries {
        let gates = [
            ("approval", approval, []), ("wait", wait, []), ("window", window, []),
            ("checklist", checklist, [timeout]),
        ]
        return gates.map { key, schema, more in
            (
                key: "step_\(key)",
                value: object(
                    "A step that waits for a person or a time.",
                    required: [key],
                    [(key: key, value: schema)] + common + more
                )
            )
        }
    }

    private static func migrationParts(_ catalogue: Catalogue) -> SchemaJSON {
        let parts = catalogue.migrationKinds.map { (key: $0.key, value: SchemaJSON.raw($0.schema)) }
        let more: Entries = [
            (
                key: "timeout",
                value: reference("duration", "The longest time of each part: 15m by default.")
            ),
            (
                key: "forward_fix",
                value: reference(
                    "text",
                    "What mends the database should the stable version not bear it; says that it may not."
                )
            ),
        ]
        return object("A migration in the parts that bgdeploy knows.", required: ["apply"], parts + more)
    }

    static func anyStep(_ description: String, _ keys: [String]) -> SchemaJSON {
        let choices = SchemaJSON.list(keys.map { reference("step_\($0)") })
        return keys.isEmpty
            ? ["description": .text(description), "not": [:]]
            : ["description": .text(description), "anyOf": choices]
    }

    // MARK: keys beside the action

    static var common: Entries {
        [
            (
                key: "name",
                value: reference("text", "One line for people; captured values are ${steps.NAME.CAPTURE}.")
            ),
            (
                key: "on_failure",
                value: choice("What a failure means: stop ends the run (the default).", "stop", "continue")
            ),
            (key: "always", value: flag("Runs even if an earlier step of its phase failed: for clean-up.")),
        ]
    }

    private static var timeout: (key: String, value: SchemaJSON) {
        (
            key: "timeout",
            value: reference(
                "duration",
                "The longest time of one attempt: 60s by default, 15m in prepare and migrate."
            )
        )
    }

    static var actionOnly: Entries {
        [
            timeout,
            (
                key: "retry",
                value: object(
                    "Tries again after a failure.",
                    required: ["attempts"],
                    [
                        (
                            key: "attempts",
                            value: [
                                "description": "How often it is tried at most.", "type": "integer",
                                "minimum": 1,
                                "maximum": 1000,
                            ]
                        ),
                        (
                            key: "every",
                            value: reference("duration", "The pause after the first attempt: 1s by default.")
                        ),
                        (
                            key: "backoff",
                            value: [
                                "description":
                                    "By how much each pause is longer than the one before: 1 by default.",
                                "type": "number", "minimum": 1, "maximum": 10,
                            ]
                        ),
                    ]
                )
            ),
            (
                key: "idempotent",
                value: flag("Whether it may be carried out twice when it is not known whether it was.")
            ),
            (
                key: "when",
                value: [
                    "description": "Leaves the step out unless two texts are equal: `${candidate} == green`.",
                    "type": "string", "pattern": "==",
                ]
            ),
        ]
    }

    // MARK: gates

    private static var approval: SchemaJSON {
        object(
            "Waits until people have approved.",
            [
                (
                    key: "by",
                    value: [
                        "description": "How many different people: 1 by default.", "type": "integer",
                        "minimum": 1,
                        "maximum": 20,
                    ]
                ),
                (
                    key: "four_eyes",
                    value: flag("Whether who started the run may not be one of them: false by default.")
                ),
                (key: "timeout", value: reference("duration", "How long it waits: 24h by default.")),
            ]
        )
    }

    private static var wait: SchemaJSON { reference("duration", "Waits for this long.") }

    private static var window: SchemaJSON {
        let hours = "Sat, Mon-Fri 09:00-17:00, first Sat 01:00-06:00, 22:00-04:00"
        return object(
            "Lets the run pass at some times only.",
            [
                (key: "only", value: list("Open at no other times: \(hours).", of: text, atLeast: 1)),
                (key: "not", value: list("Closed at these times: \(hours).", of: text, atLeast: 1)),
                (
                    key: "freeze",
                    value: list(
                        "Closed on these days: 2026-12-24, 2026-12-20..2027-01-03.",
                        of: text,
                        atLeast: 1
                    )
                ),
                (
                    key: "zone",
                    value: ["description": "By whose clocks: UTC by default.", "type": "string"]
                ),
                (
                    key: "then",
                    value: choice("What happens while it is closed: wait by default.", "wait", "stop")
                ),
                (
                    key: "timeout",
                    value: reference("duration", "How long it is waited for: 7d by default, 366d at most.")
                ),
            ]
        )
    }

    private static let text: SchemaJSON = ["type": "string"]

    private static var checklist: SchemaJSON {
        list("What a person confirms before the run goes on.", of: reference("text"), atLeast: 1)
    }
}
