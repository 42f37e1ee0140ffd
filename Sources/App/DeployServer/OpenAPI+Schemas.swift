import DeployCore
import DeployOperations

extension OpenAPI {
    /// The JSON Schemas that the operations name.
    enum Schemas {
        static let text = JSON.object([("type", .text("string"))])
        static let version = text(like: Version.pattern)
        private static let number = JSON.object([("type", .text("integer"))])
        private static let flag = JSON.object([("type", .text("boolean"))])
        private static let optionalText = JSON.object([("type", .list([.text("string"), .text("null")]))])

        static func reference(_ name: String) -> JSON {
            .object([("$ref", .text("#/components/schemas/\(name)"))])
        }

        static func word(_ words: String...) -> JSON {
            .object([("type", .text("string")), ("enum", .list(words.map { .text($0) }))])
        }

        private static func text(like pattern: String) -> JSON {
            .object([("type", .text("string")), ("pattern", .text("^\(pattern)$"))])
        }

        private static func texts(_ schema: JSON) -> JSON {
            .object([
                ("type", .list([.text("array"), .text("null")])), ("items", schema),
                ("maxItems", .number(100)),
            ])
        }

        private static func object(
            _ fields: [(String, JSON)],
            required: [String] = [],
            isOpen: Bool = false
        ) -> JSON {
            .object([
                ("type", .text("object")), ("properties", .object(fields)),
                ("required", .list(required.map { .text($0) })), ("additionalProperties", .flag(isOpen)),
            ])
        }

        private static func list(_ name: String) -> JSON {
            .object([("type", .text("array")), ("items", reference(name))])
        }

        private static let run: [(String, JSON)] = [
            ("run", text), ("service", text), ("version", text), ("state", reference("State")),
            ("stable", text), ("candidate", text), ("reason", optionalText), ("startedAt", text),
            ("updatedAt", text), ("lastEvent", number),
        ]

        static let all: [(String, JSON)] =
            [
                ("Anything", .object([])),
                ("Object", .object([("type", .text("object"))])),
                (
                    "State",
                    word(
                        "idle",
                        "running",
                        "waiting",
                        "paused",
                        "interrupted",
                        "succeeded",
                        "failed",
                        "rolledBack",
                        "rollbackFailed"
                    )
                ),
                (
                    "Problem",
                    object(
                        [
                            ("type", text), ("title", text), ("status", number), ("detail", text),
                            ("code", number),
                        ],
                        required: ["type", "title", "status", "detail", "code"]
                    )
                ),
                ("Status", object([("service", text)], required: ["service"], isOpen: true)),
                ("Services", object([("services", list("Status"))], required: ["services"])),
                ("Run", object(run, required: ["run", "service", "version", "state"], isOpen: true)),
                (
                    "Runs",
                    object([("runs", list("Run")), ("next", optionalText)], required: ["runs", "next"])
                ),
                (
                    "Event",
                    object(
                        [("run", text), ("event", number), ("at", text), ("type", text)],
                        required: ["run", "event", "at", "type"],
                        isOpen: true
                    )
                ),
                (
                    "Events",
                    object(
                        [
                            ("events", list("Event")),
                            ("next", .object([("type", .list([.text("integer"), .text("null")]))])),
                        ],
                        required: ["events", "next"]
                    )
                ),
                ("Queued", object([("queued", text)], required: ["queued"], isOpen: true)),
                ("Queue", object([("queue", list("Queued"))], required: ["queue"])),
                ("Posted", object([("command", number)], required: ["command"])),
                (
                    "Reply",
                    object(
                        [("answered", flag), ("refusal", optionalText)],
                        required: ["answered", "refusal"]
                    )
                ),
            ] + orders

        private static let orders: [(String, JSON)] = [
            (
                "RunOrder",
                object(
                    [
                        ("version", version), ("strategy", optionalText), ("reason", optionalText),
                        ("queue", flag), ("override_window", flag),
                    ],
                    required: ["version"]
                )
            ),
            (
                "RollbackOrder",
                object([
                    ("run", optionalText), ("gradual", flag), ("force", flag), ("reason", optionalText),
                ])
            ),
            (
                "TrafficOrder",
                object(
                    [
                        (
                            "split",
                            .object([
                                ("type", .text("object")), ("minProperties", .number(1)),
                                ("maxProperties", .number(1)),
                                (
                                    "additionalProperties",
                                    .object([
                                        ("type", .text("number")), ("minimum", .number(0)),
                                        ("maximum", .number(100)),
                                    ])
                                ),
                            ])
                        ),
                        ("reason", optionalText),
                    ],
                    required: ["split"]
                )
            ),
            (
                "CommandOrder",
                object(
                    [
                        (
                            "command",
                            word("approve", "promote", "pause", "proceed", "abort", "rollback", "retire")
                        ), ("full", flag), ("gradual", flag), ("early", flag),
                        ("reason", optionalText),
                    ],
                    required: ["command"]
                )
            ),
            (
                "NoteOrder",
                object(
                    Remark.Kind.allCases.map { ($0.rawValue, texts(text)) }
                        + [("owner", optionalText), ("due", optionalText)]
                )
            ),
            (
                "TokenOrder",
                object(
                    [
                        ("name", text(like: "[0-9A-Za-z][0-9A-Za-z._@+-]{0,63}")),
                        ("scopes", texts(word("read", "deploy", "approve", "admin"))),
                        ("services", texts(text)), ("expires", optionalText),
                    ],
                    required: ["name"]
                )
            ),
        ]
    }
}
