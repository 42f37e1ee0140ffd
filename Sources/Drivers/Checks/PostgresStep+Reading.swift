import DeployCore
import DeployPorts
import PostgresClient

extension PostgresStep {
    static func read(
        _ value: Parameter,
        client: PostgresClient,
        diagnostics: Diagnostics
    ) -> PostgresStep? {
        let before = diagnostics.all.count
        var reader = MapReader(value, "`postgres`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let url = reader.required("url").flatMap { URLTemplate.read($0, "url", with: reader) }
        let statement = readStatement(&reader)
        let expectation = reader.optional("expect").flatMap { readExpectation($0, with: reader) }
        let within = reader.span("within")
        reader.finish()
        guard let url, let statement, diagnostics.all.count == before else { return nil }
        return PostgresStep(
            url: url,
            statement: statement.text,
            expectation: expectation,
            within: within,
            writes: statement.writes,
            client: client
        )
    }

    /// `query`, or `statement` with `writes: true`.
    private static func readStatement(_ reader: inout MapReader) -> (text: Template, writes: Bool)? {
        let query = reader.optional("query")
        let statement = reader.optional("statement")
        let writes = reader.optional("writes")
        guard let value = query ?? statement else {
            reader.diagnostics.report(reader.position, "`postgres` needs the key `query` or `statement`")
            return nil
        }
        if query != nil, let statement {
            reader.diagnostics.report(statement.position, "`postgres` takes one of `query` and `statement`")
        }
        let mayWrite = writes.flatMap { reader.flag(of: $0, "writes") } ?? false
        if query != nil, mayWrite, let writes {
            reader.diagnostics.report(
                writes.position,
                "a `query` only looks; with `writes: true` use `statement`"
            )
        }
        if query == nil, !mayWrite {
            reader.diagnostics.report(
                value.position,
                "a `statement` may change something: confirm it with `writes: true`, or use `query`"
            )
        }
        guard let text = reader.template(of: value, query == nil ? "statement" : "query") else { return nil }
        checkQuotes(of: text, diagnostics: reader.diagnostics)
        return (text, query == nil)
    }

    /// A reference is sent beside the text, so that no quotes belong around it: within them it would be a text.
    private static func checkQuotes(of text: Template, diagnostics: Diagnostics) {
        var plain = ""
        for part in text.parts {
            switch part {
            case .text(let more): plain += more
            case .reference(let name):
                guard plain.count(where: { $0 == "'" }) % 2 == 1 else { continue }
                diagnostics.report(
                    text.position,
                    "`${\(name)}` stands within quotes; write it without them, it is sent as a value of its own"
                )
            }
        }
    }

    private static func readExpectation(_ value: Parameter, with reader: MapReader) -> Expectation? {
        guard case .map(let entries, let position) = value else {
            return ValueExpectation.read(value, "expect", with: reader).map { .value($0) }
        }
        if entries.isEmpty { reader.diagnostics.report(position, "`expect` names no column") }
        return .columns(
            entries.compactMap { entry in
                ValueExpectation.read(entry.value, "expect.\(entry.key)", with: reader)
                    .map { Expectation.Column(name: entry.key, expected: $0) }
            }
        )
    }

    static let schema = #"""
        {
          "description": "A query with an expected value, or a statement that writes.",
          "type": "object",
          "additionalProperties": false,
          "required": ["url"],
          "oneOf": [ { "required": ["query"] }, { "required": ["statement", "writes"] } ],
          "properties": {
            "url": {
              "type": "string",
              "description": "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with its password from a secret; may name several hosts."
            },
            "query": { "type": "string", "description": "One query, in a read-only transaction; ${…} is sent as a value." },
            "statement": { "type": "string", "description": "One statement, in a transaction of its own." },
            "writes": { "enum": [true, "true"], "description": "Confirms a statement." },
            "expect": {
              "description": "A value or a condition such as \"< 100\" for the only column of the only row, or columns by name."
            },
            "within": { "type": "string", "description": "Connecting included." }
          }
        }
        """#
}
