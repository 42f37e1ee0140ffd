package import DeployPorts

/// What the entries of all balancers have in common.
extension MapReader {
    /// A text that is not empty.
    package mutating func word(_ key: String, required isRequired: Bool = true) -> String? {
        guard let value = isRequired ? required(key) : optional(key), let text = text(of: value, key) else {
            return nil
        }
        guard !text.isEmpty else {
            diagnostics.report(value.position, "`\(key)` is empty")
            return nil
        }
        return text
    }

    /// An argument list.
    package mutating func command(_ key: String) -> [String]? {
        guard let value = optional(key), let items = list(of: value, key) else { return nil }
        let words = items.compactMap { text(of: $0, key) }
        guard words.first?.isEmpty == false else {
            if words.count == items.count {
                diagnostics.report(value.position, "`\(key)` must begin with a command")
            }
            return nil
        }
        return words.count == items.count ? words : nil
    }
}

extension BalancerContext {
    /// `path`, seen from the playbook's folder.
    package func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
}
