import DeployCore
import DeployPorts
import HTTPClient
import WebSocketClient

/// Makes a step of the value of `websocket`, reporting every mistake with its place.
struct WebSocketStepReader {
    private var reader: MapReader
    private let context: StepContext
    private let diagnostics: Diagnostics
    private let isMapping: Bool

    init(_ value: Parameter, context: StepContext, diagnostics: Diagnostics) {
        reader = MapReader(value, "`websocket`", diagnostics: diagnostics)
        if case .map = value { isMapping = true } else { isMapping = false }
        self.context = context
        self.diagnostics = diagnostics
    }

    /// `nil` when anything was reported.
    mutating func read(client: WebSocketClient, jars: CookieJars) -> WebSocketStep? {
        let before = diagnostics.all.count
        let address = readAddress()
        let way = HTTPTarget.readRoute(&reader, phase: context.phase)
        let headers =
            reader.optional("headers")
            .map { NamedTemplate.readHeaders($0, diagnostics: diagnostics) } ?? []
        let subprotocols = reader.optional("subprotocol").map { readSubprotocols($0) } ?? []
        let authorization = RequestAuthorization.read(&reader, "websocket")
        let messages = reader.optional("send").map { readMessages($0) } ?? []
        let expectation = readExpectation()
        let within = reader.span("within")
        let connections = reader.integer("connections", in: 1...WebSocketStep.connectionLimit) ?? 1
        let success = reader.percent("success") ?? .full
        reader.finish()
        if let address {
            HTTPTarget.check(
                address,
                goes: way,
                context: context,
                diagnostics: diagnostics,
                schemes: "ws or wss"
            )
        }
        guard let address, diagnostics.all.count == before else { return nil }
        return WebSocketStep(
            target: HTTPTarget(address: address, route: way.route, publicURL: context.publicURL),
            headers: headers,
            subprotocols: subprotocols,
            authorization: authorization,
            messages: messages,
            expectation: expectation,
            within: within,
            connections: connections,
            success: success,
            client: client,
            jars: jars
        )
    }

    /// `path` or `url`; the latter with http for ws.
    private mutating func readAddress() -> Template? {
        let path = reader.optional("path")
        let url = reader.optional("url")
        guard let value = path ?? url else {
            if isMapping {
                diagnostics.report(reader.position, "`websocket` needs the key `path` or `url`")
            }
            return nil
        }
        if path != nil, let url {
            diagnostics.report(url.position, "`websocket` takes one of `path` and `url`")
        }
        guard let template = reader.template(of: value, path == nil ? "url" : "path") else { return nil }
        let source = HTTPTarget.withoutWebSocketScheme(template.source)
        do throws(Template.Unclosed) {
            return try Template(source, at: template.position)
        } catch {
            return template
        }
    }

    private func readSubprotocols(_ value: Parameter) -> [String] {
        let items = if case .list(let items, _) = value { items } else { [value] }
        return items.compactMap { item in
            guard let text = reader.text(of: item, "subprotocol") else { return nil }
            if HTTPHeader.isToken(text) { return text }
            diagnostics.report(item.position, "`\(text)` is not a subprotocol's name")
            return nil
        }
    }

    /// One message, or a list of them.
    private func readMessages(_ value: Parameter) -> [WebSocketStep.Message] {
        let items = if case .list(let items, _) = value { items } else { [value] }
        if items.isEmpty { diagnostics.report(value.position, "`send` has no message") }
        return items.compactMap { item in
            if case .scalar = item { return reader.template(of: item, "send").map { .text($0) } }
            return JSONTemplate.read(item, "send", with: reader).map { .json($0) }
        }
    }

    private mutating func readExpectation() -> MessageExpectation? {
        let expected = reader.optional("expect")
        let pattern = reader.optional("match")
        if expected != nil, let pattern {
            diagnostics.report(pattern.position, "`websocket` takes one of `expect` and `match`")
        }
        if let expected {
            if case .scalar = expected { return reader.template(of: expected, "expect").map { .text($0) } }
            return JSONExpectation.read(expected, "expect", with: reader).map { .json($0) }
        }
        guard let pattern, let template = reader.template(of: pattern, "match") else { return nil }
        let result = BodyPattern(template)
        if let complaint = result.complaint("match") { diagnostics.report(pattern.position, complaint) }
        return .pattern(result)
    }
}

extension WebSocketStep {
    /// Fewer than the descriptors that a process may have by default.
    static let connectionLimit = 500

    /// The playbook's `websocket`, which shares the cookies of `jars`.
    static func kind(client: WebSocketClient = WebSocketClient(), jars: CookieJars) -> StepKind {
        StepKind(key: "websocket", schema: schema) { value, _, context, diagnostics in
            var reader = WebSocketStepReader(value, context: context, diagnostics: diagnostics)
            return reader.read(client: client, jars: jars)
        }
    }

    static let schema = #"""
        {
          "description": "A WebSocket is opened, something is said, and the answer is as expected.",
          "type": "object",
          "additionalProperties": false,
          "oneOf": [ { "required": ["path"] }, { "required": ["url"] } ],
          "not": { "required": ["expect", "match"] },
          "properties": {
            "path": { "type": "string", "description": "With its query; goes where via says." },
            "url": { "type": "string", "description": "A whole ws or wss URL." },
            "via": {
              "enum": ["candidate", "stable", "public", "balancer"],
              "default": "candidate",
              "description": "Where a path goes. balancer: to this host's port of public_url, with its Host and SNI."
            },
            "headers": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
            "subprotocol": {
              "description": "One of them must be chosen by the server.",
              "anyOf": [
                { "type": "string" },
                { "type": "array", "minItems": 1, "items": { "type": "string" } }
              ]
            },
            "bearer": { "type": "string" },
            "basic": {
              "type": "object",
              "additionalProperties": false,
              "required": ["user", "password"],
              "properties": { "user": { "type": "string" }, "password": { "type": "string" } }
            },
            "send": { "description": "A text, a mapping that is sent as JSON, or a list of messages." },
            "expect": { "description": "The whole text, or a mapping of JSON paths to values or conditions." },
            "match": { "type": "string", "description": "A regular expression that matches somewhere in the text." },
            "within": { "type": "string", "description": "From the beginning of the connection to the answer." },
            "connections": { "type": "integer", "minimum": 1, "maximum": 500, "default": 1 },
            "success": {
              "type": "string",
              "default": "100%",
              "description": "The share of the connections that must go well, such as 99.9%."
            }
          }
        }
        """#
}
