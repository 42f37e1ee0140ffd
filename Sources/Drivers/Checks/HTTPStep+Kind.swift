package import DeployPorts
package import HTTPClient

extension HTTPStep {
    /// The playbook's `http`.
    ///
    /// The kind owns the cookies: steps of one phase of one run share a jar.
    package static func kind(client: HTTPClient = HTTPClient()) -> StepKind {
        kind(client: client, jars: CookieJars())
    }

    /// The same with the cookies of `jars`, which other kinds share.
    static func kind(client: HTTPClient, jars: CookieJars) -> StepKind {
        StepKind(key: "http", schema: schema) { value, _, context, diagnostics in
            var reader = HTTPStepReader(value, context: context, diagnostics: diagnostics)
            return reader.read(client: client, jars: jars)
        }
    }

    private static let oneMethod = #"""
        "oneOf": [
          { "required": ["get"] }, { "required": ["post"] }, { "required": ["put"] },
          { "required": ["patch"] }, { "required": ["delete"] }, { "required": ["head"] }
        ]
        """#

    /// What a login has, too.
    private static let requestProperties = #"""
        "get": { "type": "string", "description": "A path, or a whole http or https URL." },
        "post": { "type": "string" },
        "put": { "type": "string" },
        "patch": { "type": "string" },
        "delete": { "type": "string" },
        "head": { "type": "string" },
        "via": {
          "enum": ["candidate", "stable", "public", "balancer"],
          "default": "candidate",
          "description": "Where a path goes. balancer: to this host's port of public_url, with its Host and SNI."
        },
        "headers": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
        "body": { "type": "string" },
        "json": { "description": "Sent as JSON; values in quotes stay texts." },
        "form": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
        "bearer": { "type": "string" },
        "basic": {
          "type": "object",
          "additionalProperties": false,
          "required": ["user", "password"],
          "properties": { "user": { "type": "string" }, "password": { "type": "string" } }
        },
        "expect": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "status": {
              "description": "200, 2xx or a list of them; 2xx when absent.",
              "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^([1-5][xX][xX]|[1-5][0-9][0-9])$" },
                {
                  "type": "array",
                  "minItems": 1,
                  "items": {
                    "anyOf": [
                      { "type": "integer", "minimum": 100, "maximum": 599 },
                      { "type": "string", "pattern": "^([1-5][xX][xX]|[1-5][0-9][0-9])$" }
                    ]
                  }
                }
              ]
            },
            "headers": {
              "description": "The whole value, or the part before its first semicolon; \"> 10\" compares numbers.",
              "type": "object",
              "additionalProperties": { "type": ["string", "number", "boolean"] }
            },
            "json": {
              "description": "Paths such as a.b[0].c with a value, or a condition such as \"< 100\".",
              "type": "object"
            },
            "body": { "type": "string", "description": "A regular expression that matches somewhere." },
            "within": { "type": "string", "description": "Such as 250ms or 2s." }
          }
        }
        """#

    static let schema = #"""
        {
          "description": "One HTTP request and what its answer should be.",
          "type": "object",
          "additionalProperties": false,
          \#(oneMethod),
          "properties": {
            \#(requestProperties),
            "login": {
              "description": "A request that is made first, to the same place; its cookies are kept.",
              "type": "object",
              "additionalProperties": false,
              \#(oneMethod),
              "properties": {
                \#(requestProperties)
              }
            },
            "capture": {
              "description": "Names for values of the JSON answer: name to path.",
              "type": "object",
              "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
              "additionalProperties": { "type": "string" }
            }
          }
        }
        """#
}
