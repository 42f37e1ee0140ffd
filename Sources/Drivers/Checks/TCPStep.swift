import DeployCore
package import DeployPorts
package import HTTPClient

/// Whether a port answers: the playbook's `tcp`.
package struct TCPStep: StepAction {
    /// `host:port`.
    let address: Template
    let within: Span?
    let client: HTTPClient

    package static func kind(client: HTTPClient = HTTPClient()) -> StepKind {
        StepKind(key: "tcp", schema: schema) { value, _, _, diagnostics in
            read(value, client: client, diagnostics: diagnostics)
        }
    }

    package var summary: String { "tcp \(address.source)" }
    package var isReadOnly: Bool { true }
    package var references: [Reference] { address.references }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let text = try address.resolved(in: attempt.values)
        guard let endpoint = HTTPEndpoint(text) else {
            throw StepFailure("tcp \(attempt.values.masked(text)): not a host:port", isTransient: false)
        }
        let limit = min(attempt.deadline, within ?? attempt.deadline)
        do throws(HTTPError) {
            let time = try await client.connect(to: endpoint, deadline: .milliseconds(limit.milliseconds))
            return StepResult(summary: "connected in \(time.inMilliseconds)")
        } catch {
            let message =
                if case .timedOut = error { "no connection within \(limit)" } else { error.message }
            throw StepFailure(attempt.values.masked("tcp \(endpoint): \(message)"))
        }
    }

    private static func read(
        _ value: Parameter,
        client: HTTPClient,
        diagnostics: Diagnostics
    ) -> TCPStep? {
        let before = diagnostics.all.count
        var within: Span?
        var address: Template?
        if case .scalar(let scalar) = value {
            // A mapping around the scalar lends it the reader's words.
            let entry = Parameter.Entry(key: "address", keyPosition: scalar.position, value: value)
            var reader = MapReader(
                .map([entry], position: scalar.position),
                "`tcp`",
                diagnostics: diagnostics
            )
            address = reader.template("address")
        } else {
            var reader = MapReader(value, "`tcp`", diagnostics: diagnostics)
            if case .map = value {
                address = reader.required("address").flatMap { reader.template(of: $0, "address") }
                within = reader.span("within")
                reader.finish()
            }
        }
        if let address, address.references.isEmpty, HTTPEndpoint(address.source) == nil {
            diagnostics.report(
                address.position,
                "`tcp` must be a host and a port such as 127.0.0.1:5432, found `\(address.source)`"
            )
        }
        guard let address, diagnostics.all.count == before else { return nil }
        return TCPStep(address: address, within: within, client: client)
    }

    private static let schema = #"""
        {
          "description": "A port answers: host:port, or address and the time it may take.",
          "anyOf": [
            { "type": "string" },
            {
              "type": "object",
              "additionalProperties": false,
              "required": ["address"],
              "properties": { "address": { "type": "string" }, "within": { "type": "string" } }
            }
          ]
        }
        """#
}
