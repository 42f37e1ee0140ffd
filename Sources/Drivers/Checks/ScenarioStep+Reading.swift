import DeployCore
import DeployPorts
import HTTPClient
import WebSocketClient

extension ScenarioStep {
    /// The playbook's `scenario`, which shares the cookies of `jars`.
    static func kind(client: HTTPClient = HTTPClient(), jars: CookieJars) -> StepKind {
        let kinds = partKinds(client: client, jars: jars)
        let cleanUpKinds = partKinds(client: client.forCleanUp, jars: jars)
        return StepKind(key: "scenario", schema: schema, siblings: ["finally", "name"]) {
            value,
            siblings,
            context,
            diagnostics in
            let before = diagnostics.all.count
            let parts = readParts(value, "scenario", kinds, context, diagnostics)
            let last = siblings.first { $0.key == "finally" }
            let cleanUp = last.map { readParts($0.value, "finally", cleanUpKinds, context, diagnostics) }
            guard diagnostics.all.count == before else { return nil }
            var names = ["scenario"]
            if case .scalar(let name)? = siblings.first(where: { $0.key == "name" })?.value,
                name.text != "scenario"
            {
                names.append(name.text)
            }
            return ScenarioStep(names: names, parts: parts, cleanUp: cleanUp ?? [])
        }
    }

    private static func partKinds(client: HTTPClient, jars: CookieJars) -> [StepKind] {
        [
            HTTPStep.kind(client: client, jars: jars),
            WebSocketStep.kind(client: WebSocketClient(http: client), jars: jars),
        ]
    }

    private static func readParts(
        _ value: Parameter,
        _ key: String,
        _ kinds: [StepKind],
        _ context: StepContext,
        _ diagnostics: Diagnostics
    ) -> [Part] {
        guard case .list(let items, let position) = value else {
            diagnostics.report(
                value.position,
                "`\(key)` must be a list of `http` and `websocket` steps, found \(value.kindDescription)"
            )
            return []
        }
        if items.isEmpty { diagnostics.report(position, "`\(key)` has no step") }
        return items.compactMap { readPart($0, kinds, context, diagnostics) }
    }

    private static func readPart(
        _ value: Parameter,
        _ kinds: [StepKind],
        _ context: StepContext,
        _ diagnostics: Diagnostics
    ) -> Part? {
        var reader = MapReader(value, "a step of a scenario", diagnostics: diagnostics)
        guard case .map(let entries, let position) = value else { return nil }
        let name = reader.text("name")
        let timeout = reader.span("timeout")
        var action: (any StepAction)?
        var found = 0
        for kind in kinds {
            guard let value = reader.optional(kind.key) else { continue }
            found += 1
            action = kind.make(value, [], context, diagnostics)
        }
        reader.finish()
        guard found == 1 else {
            // An unknown key has been reported, and is what was meant for the action.
            let known = kinds.map(\.key) + ["name", "timeout"]
            if found > 1 || entries.allSatisfy({ known.contains($0.key) }) {
                diagnostics.report(position, "a step of a scenario has one action, `http` or `websocket`")
            }
            return nil
        }
        return action.map { action in
            Part(
                title: name ?? action.summary,
                action: action,
                timeout: timeout,
                captures: (action as? HTTPStep)?.captures.map(\.name) ?? []
            )
        }
    }

    private static let schema = #"""
        {
          "description": "HTTP requests and WebSockets one after the other; beside it `finally`, which always runs.",
          "type": "array",
          "minItems": 1,
          "items": {
            "type": "object",
            "additionalProperties": false,
            "oneOf": [ { "required": ["http"] }, { "required": ["websocket"] } ],
            "properties": {
              "http": \#(HTTPStep.schema),
              "websocket": \#(WebSocketStep.schema),
              "name": { "type": "string" },
              "timeout": { "type": "string", "description": "Of this step alone." }
            }
          }
        }
        """#
}
