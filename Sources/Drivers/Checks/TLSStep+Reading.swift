import DeployCore
import DeployPorts
import HTTPClient

extension TLSStep {
    private static let defaultDays = 14

    static func read(
        _ value: Parameter,
        folder: String,
        client: HTTPClient,
        now: @escaping @Sendable () -> Int,
        diagnostics: Diagnostics
    ) -> TLSStep? {
        let before = diagnostics.all.count
        // A mapping around a scalar lends it the reader's words.
        let entry = Parameter.Entry(key: "address", keyPosition: value.position, value: value)
        let isScalar = if case .scalar = value { true } else { false }
        let whole: Parameter = isScalar ? .map([entry], position: value.position) : value
        var reader = MapReader(whole, "`tls`", diagnostics: diagnostics)
        guard case .map = whole else { return nil }
        let address = reader.required("address").flatMap { reader.template(of: $0, "address") }
        let name = reader.template("name")
        let days = reader.integer("days", in: 0...3650) ?? defaultDays
        let version = reader.optional("protocol").flatMap { readVersion($0, with: reader) }
        let within = reader.span("within")
        let caFile = reader.text("ca")
        reader.finish()
        if let address, address.references.isEmpty, endpoint(address.source) == nil {
            diagnostics.report(
                address.position,
                "`tls` must be a host and a port such as mina.example:443, or an https URL, "
                    + "found `\(address.source)`"
            )
        }
        guard let address, diagnostics.all.count == before else { return nil }
        return TLSStep(
            address: address,
            name: name,
            days: days,
            minimumVersion: version ?? .v12,
            within: within,
            caFile: caFile.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" },
            client: client,
            now: now
        )
    }

    private static func readVersion(
        _ value: Parameter,
        with reader: MapReader
    ) -> ConnectionTarget.TLSVersion? {
        guard let text = reader.text(of: value, "protocol") else { return nil }
        if let version = ConnectionTarget.TLSVersion(rawValue: text) { return version }
        let all = ConnectionTarget.TLSVersion.allCases.map(\.rawValue).joined(separator: " or ")
        reader.diagnostics.report(value.position, "`protocol` must be \(all), found `\(text)`")
        return nil
    }

    static let schema = #"""
        {
          "description": "A certificate is trusted, has the right name and lasts: host:port or an https URL, or more.",
          "anyOf": [
            { "type": "string" },
            {
              "type": "object",
              "additionalProperties": false,
              "required": ["address"],
              "properties": {
                "address": { "type": "string", "description": "host:port, or an https or wss URL." },
                "name": { "type": "string", "description": "For SNI and the certificate; the address's host when absent." },
                "days": {
                  "type": "integer",
                  "minimum": 0,
                  "maximum": 3650,
                  "default": 14,
                  "description": "So many must be left at least."
                },
                "protocol": {
                  "enum": ["1.2", "1.3", 1.2, 1.3],
                  "default": "1.2",
                  "description": "The oldest TLS that is taken."
                },
                "within": { "type": "string" },
                "ca": { "type": "string", "description": "PEM file of the authorities to trust." }
              }
            }
          ]
        }
        """#
}
