import DeployOperations

/// The API's description in OpenAPI 3.1, as `/v1/openapi.json` serves it; a test holds it against the router.
enum OpenAPI {
    static func document(version: String) -> String {
        let document = JSON.object([
            ("openapi", .text("3.1.0")),
            (
                "info",
                .object([
                    ("title", .text("bgdeploy")), ("version", .text(version)),
                    ("description", .text("Blue/green and canary releases behind nginx and HAProxy.")),
                    (
                        "license",
                        .object([("name", .text("Apache 2.0")), ("identifier", .text("Apache-2.0"))])
                    ),
                ])
            ),
            ("servers", .list([.object([("url", .text("/"))])])),
            ("security", .list([.object([("token", .list([]))])])),
            ("paths", .object(paths())),
            (
                "components",
                .object([
                    ("schemas", .object(Schemas.all)),
                    (
                        "securitySchemes",
                        .object([
                            (
                                "token",
                                .object([("type", .text("http")), ("scheme", .text("bearer"))])
                            )
                        ])
                    ),
                ])
            ),
        ])
        return JSON.text(document, indent: 1) + "\n"
    }

    /// The methods that each path takes, by its parts.
    static var methods: [(path: [Substring], methods: [String])] {
        Dictionary(grouping: operations, by: \.path).map { path, operations in
            (path.split(separator: "/"), operations.map { $0.method.uppercased() }.sorted())
        }
    }

    /// By path, each with what can be done to it, in the order of ``operations``.
    private static func paths() -> [(String, JSON)] {
        var order: [String] = []
        var methods: [String: [(String, JSON)]] = [:]
        for operation in operations {
            if methods[operation.path] == nil { order.append(operation.path) }
            methods[operation.path, default: []].append((operation.method, operation.json))
        }
        return order.map { ($0, .object(methods[$0] ?? [])) }
    }

    /// One method of one path.
    struct Operation {
        let method: String
        let path: String
        let name: String
        let summary: String
        var query: [Parameter] = []
        /// The schema of the body's JSON; `nil` for none.
        var body: String?
        var canBeRepeated = false
        /// The media types of each status, and the schema of JSON.
        let answers: [(status: Int, type: String, schema: String?)]
        var isOpen = false

        var json: JSON {
            var fields: [(String, JSON)] = [
                ("operationId", .text(name)), ("summary", .text(summary)),
                ("parameters", .list(parameters)),
            ]
            if isOpen { fields.append(("security", .list([]))) }
            if let body {
                let content = JSON.object([
                    ("application/json", .object([("schema", Schemas.reference(body))]))
                ])
                fields.append(
                    ("requestBody", .object([("required", .flag(true)), ("content", content)]))
                )
            }
            fields.append(("responses", .object(responses)))
            return .object(fields)
        }

        private var parameters: [JSON] {
            let inPath = path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                Parameter(name: String($0.dropFirst().dropLast()), place: "path", schema: Schemas.text).json
            }
            let key = Parameter(
                name: "Idempotency-Key",
                place: "header",
                schema: .object([
                    ("type", .text("string")), ("pattern", .text("^[!-~]{1,200}$")),
                ])
            )
            return inPath + query.map(\.json) + (canBeRepeated ? [key.json] : [])
        }

        private var responses: [(String, JSON)] {
            var contents: [Int: [(String, JSON)]] = [:]
            for answer in answers {
                let schema = answer.schema.map(Schemas.reference) ?? Schemas.text
                contents[answer.status, default: []].append((answer.type, .object([("schema", schema)])))
            }
            let good = contents.sorted { $0.key < $1.key }.map { status, types -> (String, JSON) in
                ("\(status)", .object([("description", .text(summary)), ("content", .object(types))]))
            }
            guard !isOpen else { return good }
            let problem = JSON.object([
                ("description", .text("Why not.")),
                (
                    "content",
                    .object([
                        ("application/problem+json", .object([("schema", Schemas.reference("Problem"))]))
                    ])
                ),
            ])
            return good + [("default", problem)]
        }
    }

    struct Parameter {
        let name: String
        var place = "query"
        var schema = Schemas.text
        var isRequired = false

        var json: JSON {
            .object([
                ("name", .text(name)), ("in", .text(place)),
                ("required", .flag(isRequired || place == "path")), ("schema", schema),
            ])
        }
    }
}
