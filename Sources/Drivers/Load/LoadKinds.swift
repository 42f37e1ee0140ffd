package import DeployPorts

/// The kind of step that makes load.
package enum LoadKinds {
    package static func all(clock: any Timekeeper) -> [StepKind] {
        [
            StepKind(key: "load", schema: schema) { value, _, context, diagnostics in
                var reader = LoadStepReader(value, context: context, diagnostics: diagnostics)
                return reader.read(clock: clock)
            }
        ]
    }

    static let schema = #"""
        {
          "description": "Many GET requests, and whether they are answered fast and well enough.",
          "type": "object",
          "additionalProperties": false,
          "required": ["paths", "for"],
          "oneOf": [ { "required": ["users"] }, { "required": ["rate"] } ],
          "properties": {
            "paths": {
              "description": "Paths with their weights, a list of paths, or one path.",
              "anyOf": [
                { "type": "string", "pattern": "^/" },
                { "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string", "pattern": "^/" } },
                {
                  "type": "object",
                  "minProperties": 1,
                  "maxProperties": 100,
                  "propertyNames": { "pattern": "^/" },
                  "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 1000 }
                }
              ]
            },
            "users": {
              "type": "integer",
              "minimum": 1,
              "maximum": 5000,
              "description": "So many connections, each of which asks again as soon as it was answered."
            },
            "rate": {
              "type": "string",
              "pattern": "^[1-9][0-9]*/s$",
              "description": "A fixed timetable such as 200/s; a request's time begins when it was due."
            },
            "for": { "type": "string", "description": "How long is measured, such as 5m." },
            "ramp": { "type": "string", "description": "Users or the rate rise over this time; not measured." },
            "warm_up": { "type": "string", "description": "All of the load, not measured yet." },
            "within": { "type": "string", "default": "10s", "description": "For each request." },
            "via": {
              "enum": ["candidate", "stable", "public", "balancer"],
              "default": "candidate",
              "description": "Where paths go. balancer: to this host's port of public_url, with its Host and SNI."
            },
            "headers": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
            "bearer": { "type": "string" },
            "websockets": {
              "description": "Held beside the requests; opened anew every 20 seconds.",
              "type": "object",
              "additionalProperties": false,
              "required": ["path"],
              "properties": {
                "path": { "type": "string", "pattern": "^/" },
                "connections": { "type": "integer", "minimum": 1, "maximum": 500 }
              }
            },
            "limits": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "p50": { "type": "string" },
                "p95": { "type": "string" },
                "p99": { "type": "string" },
                "errors": { "type": "string", "default": "1%", "description": "The share of failed requests." },
                "websocket_success": { "type": "string", "description": "The share of WebSockets that open and last." }
              }
            }
          }
        }
        """#
}
