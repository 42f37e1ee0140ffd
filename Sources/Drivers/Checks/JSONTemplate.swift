import DeployPorts
import HTTPClient

/// A JSON value to be sent, with `${…}` in its texts.
///
/// A value that is put in is always a text: it cannot become a number, a key or a part of the structure.
indirect enum JSONTemplate: Hashable, Sendable {
    case object([String: JSONTemplate])
    case array([JSONTemplate])
    case text(Template)
    case constant(JSONValue)

    /// Reports every mistake; the mistaken parts are left out.
    static func read(_ value: Parameter, _ key: String, with reader: MapReader) -> JSONTemplate? {
        switch value {
        case .map(let entries, _):
            let members = entries.compactMap { entry in
                read(entry.value, "\(key).\(entry.key)", with: reader).map { (entry.key, $0) }
            }
            return .object(Dictionary(members) { first, _ in first })
        case .list(let items, _):
            return .array(items.compactMap { read($0, key, with: reader) })
        case .scalar(let scalar):
            if let constant = scalar.plainValue { return .constant(constant) }
            return reader.template(of: value, key).map { .text($0) }
        }
    }

    var references: [Reference] {
        switch self {
        case .object(let members): members.sorted { $0.key < $1.key }.flatMap(\.value.references)
        case .array(let items): items.flatMap(\.references)
        case .text(let template): template.references
        case .constant: []
        }
    }

    func resolved(in values: Values) throws(StepFailure) -> JSONValue {
        switch self {
        case .object(let members):
            var result: [String: JSONValue] = [:]
            for (key, member) in members { result[key] = try member.resolved(in: values) }
            return .object(result)
        case .array(let items):
            var result: [JSONValue] = []
            for item in items { result.append(try item.resolved(in: values)) }
            return .array(result)
        case .text(let template): return .string(try template.resolved(in: values))
        case .constant(let value): return value
        }
    }
}
