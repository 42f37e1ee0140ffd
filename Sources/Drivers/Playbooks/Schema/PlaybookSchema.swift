import DeployPorts

/// The language as JSON Schema, for editors: the same keys as the decoder reads, which a test compares.
package enum PlaybookSchema {
    /// JSON text of a draft 2020-12 schema that knows the kinds in `catalogue`.
    package static func text(catalogue: Catalogue) -> String {
        let head: Entries = [
            (key: "$schema", value: "https://json-schema.org/draft/2020-12/schema"),
            (key: "title", value: "bgdeploy playbook or runbook"),
            (key: "if", value: ["required": ["runbook"]]),
            (key: "then", value: reference("runbook")),
            (key: "else", value: reference("playbook")),
        ]
        let playbook = object(
            "How one service is released by bgdeploy.",
            required: ["service", "environments", "balancers"],
            topLevel
        )
        let files: Entries = [(key: "playbook", value: playbook), (key: "runbook", value: runbook)]
        let definitions = files + definitions(catalogue) + runbookSteps(catalogue)
        return SchemaJSON.object(head + [(key: "$defs", value: .object(definitions))]).written() + "\n"
    }

    typealias Entries = [(key: String, value: SchemaJSON)]

    // MARK: parts

    static func object(_ description: String, required: [String] = [], _ properties: Entries) -> SchemaJSON {
        var entries: Entries = [
            (key: "description", value: .text(description)),
            (key: "type", value: "object"),
        ]
        if !required.isEmpty { entries.append((key: "required", value: .list(required.map { .text($0) }))) }
        entries.append((key: "additionalProperties", value: false))
        entries.append((key: "properties", value: .object(properties)))
        return .object(entries)
    }

    /// A mapping whose keys are the user's own names.
    static func named(
        _ description: String,
        _ value: SchemaJSON,
        count: ClosedRange<Int>? = nil
    ) -> SchemaJSON {
        var entries: Entries = [
            (key: "description", value: .text(description)),
            (key: "type", value: "object"),
            (key: "additionalProperties", value: value),
        ]
        if let count {
            entries.append((key: "minProperties", value: .number(count.lowerBound)))
            entries.append((key: "maxProperties", value: .number(count.upperBound)))
        }
        return .object(entries)
    }

    static func list(_ description: String, of item: SchemaJSON, atLeast count: Int = 0) -> SchemaJSON {
        ["description": .text(description), "type": "array", "minItems": .number(count), "items": item]
    }

    static func reference(_ name: String) -> SchemaJSON { ["$ref": .text("#/$defs/\(name)")] }

    static func reference(_ name: String, _ description: String) -> SchemaJSON {
        ["description": .text(description), "$ref": .text("#/$defs/\(name)")]
    }

    static func choice(_ description: String, _ words: String...) -> SchemaJSON {
        ["description": .text(description), "enum": .list(words.map { .text($0) })]
    }

    static func flag(_ description: String) -> SchemaJSON {
        ["description": .text(description), "enum": [true, false, "true", "false"]]
    }

    // MARK: definitions

    private static func definitions(_ catalogue: Catalogue) -> Entries {
        let balancers = catalogue.balancerKinds.map { kind in
            (key: "balancer_\(kind.key)", value: SchemaJSON.raw(kind.schema))
        }
        let either = SchemaJSON.list(catalogue.balancerKinds.map { reference("balancer_\($0.key)") })
        let balancer: Entries =
            catalogue.balancerKinds.isEmpty ? [] : [(key: "balancer", value: ["anyOf": either])]
        let retired: Entries = [(key: "retirement", value: retirement)]
        return values + retired + metricSources + balancers + balancer + channels(catalogue)
            + steps(catalogue)
    }

    private static var values: Entries {
        [
            (
                key: "text",
                value: [
                    "description": "Text; may refer to values such as ${version} where a step uses it.",
                    "type": ["string", "number", "boolean"],
                ]
            ),
            (
                key: "duration",
                value: [
                    "description": "A duration such as 250ms, 30s, 10m, 1h30m or 7d.",
                    "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$",
                ]
            ),
            (
                key: "percent",
                value: [
                    "description": "A percentage from 0% to 100%, such as 25% or 0.1%.",
                    "type": "string", "pattern": "^(100(\\.0)?|[0-9]{1,2}(\\.[0-9])?)%$",
                ]
            ),
            (
                key: "limit",
                value: [
                    "description":
                        "What must not be, such as `> 5%`, `> 500ms`, `> 1.5x stable` or `< 0.8x before`.",
                    "type": "string", "pattern": "^ *[<>]=? *[0-9]",
                ]
            ),
            (
                key: "url",
                value: ["type": "string", "pattern": "^https?://[^/]"]
            ),
            (key: "figure", value: figure),
            (
                key: "host",
                value: [
                    "description": "Another host, over SSH: ssh://[user@]host[:port].",
                    "type": "string", "pattern": "^ssh://[^/]+$",
                ]
            ),
        ]
    }
}
