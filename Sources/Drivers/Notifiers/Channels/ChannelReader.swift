import DeployPorts

/// Reads the keys of one channel; what every kind of channel has in common.
struct ChannelReader {
    private(set) var map: MapReader
    private let before: Int

    init(_ map: MapReader) {
        self.map = map
        before = map.diagnostics.all.count
    }

    var isClean: Bool { map.diagnostics.all.count == before }

    mutating func optional(_ key: String) -> Template? { map.template(key) }

    mutating func required(_ key: String) -> Template? {
        map.required(key).flatMap { map.template(of: $0, key) }
    }

    /// Text that whoever knows it can use against its owner.
    mutating func secret(_ key: String) -> Template? { required(key).flatMap { checked($0, key) } }

    mutating func optionalSecret(_ key: String) -> Template? { optional(key).flatMap { checked($0, key) } }

    /// A base address; `standard` where the playbook gives none.
    mutating func url(_ key: String, standard: String) -> Template? {
        guard let text = optional(key) else { return try? Template(standard) }
        return checkedURL(text, key)
    }

    func checkedURL(_ text: Template, _ key: String) -> Template? {
        guard text.references.isEmpty else { return text }
        do throws(NotifierError) {
            try Post.check(text.source)
            return text
        } catch {
            let complaint = "`\(key)` must be a URL that begins with https://, or http:// for this host alone"
            map.diagnostics.report(text.position, complaint)
            return nil
        }
    }

    /// One text or a list of them.
    mutating func texts(_ key: String) -> [Template]? { map.optional(key).flatMap { texts(of: $0, key) } }

    mutating func requiredTexts(_ key: String) -> [Template]? {
        guard let value = map.required(key), let texts = texts(of: value, key) else { return nil }
        if texts.isEmpty { map.diagnostics.report(value.position, "`\(key)` must not be empty") }
        return texts.isEmpty ? nil : texts
    }

    private func texts(of value: Parameter, _ key: String) -> [Template]? {
        if case .list(let items, _) = value { return items.compactMap { map.template(of: $0, key) } }
        return map.template(of: value, key).map { [$0] }
    }

    private func checked(_ text: Template, _ key: String) -> Template? {
        let isFromOutside = text.references.contains {
            $0.name.hasPrefix("secret.") || $0.name.hasPrefix("env.")
        }
        guard isFromOutside else {
            map.diagnostics.report(
                text.position,
                "`\(key)` gives access: it must come from a secret such as `${secret.NAME}`"
            )
            return nil
        }
        return text
    }
}

/// JSON Schema of keys that several channels have.
enum ChannelSchema {
    static func text(_ description: String) -> String {
        #"{"description": "\#(description)", "type": "string"}"#
    }

    static func secret(_ description: String) -> String {
        #"{"description": "\#(description)", "type": "string", "pattern": "\\$\\{(secret|env)\\."}"#
    }

    static func texts(_ description: String) -> String {
        let either = #"[{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]"#
        return #"{"description": "\#(description)", "anyOf": \#(either)}"#
    }
}
