import DeployPorts
import HTTPClient

/// What a request carries.
enum HTTPBody: Hashable, Sendable {
    case text(Template)
    case json(JSONTemplate)
    case form([NamedTemplate])

    var references: [Reference] {
        switch self {
        case .text(let template): template.references
        case .json(let template): template.references
        case .form(let fields): fields.flatMap(\.value.references)
        }
    }

    /// `nil` when only the playbook knows.
    var contentType: String? {
        switch self {
        case .text: nil
        case .json: "application/json"
        case .form: "application/x-www-form-urlencoded"
        }
    }

    func bytes(in values: Values) throws(StepFailure) -> [UInt8] {
        switch self {
        case .text(let template): return Array(try template.resolved(in: values).utf8)
        case .json(let template): return Array(try template.resolved(in: values).text.utf8)
        case .form(let fields):
            var pairs: [String] = []
            for field in fields {
                let value = try field.value.resolved(in: values)
                pairs.append("\(PercentEncoding.encode(field.name))=\(PercentEncoding.encode(value))")
            }
            return Array(pairs.joined(separator: "&").utf8)
        }
    }
}
