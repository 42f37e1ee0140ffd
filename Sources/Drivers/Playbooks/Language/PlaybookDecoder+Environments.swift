import DeployCore
import DeployPorts

/// Environments, the balancers in front of them, and secrets.
extension PlaybookDecoder {
    /// Words with a meaning of their own in values and commands.
    private static let reserved = ["stable", "candidate", "live"]

    func environments(_ value: Parameter?) -> [EnvironmentSpec] {
        guard let value else { return [] }
        var reader = MapReader(value, "`environments`", diagnostics: diagnostics)
        guard case .map = value else { return [] }
        let entries = reader.takeRest()
        if entries.count != 2 {
            diagnostics.report(
                value.position,
                "`environments` must have exactly two environments, such as blue and green, found \(entries.count)"
            )
        }
        var owners: [String: String] = [:]
        return entries.map { environment($0, &owners) }
    }

    private func environment(_ entry: Parameter.Entry, _ owners: inout [String: String]) -> EnvironmentSpec {
        if !Self.isName(entry.key) || Self.reserved.contains(entry.key) {
            diagnostics.report(
                entry.keyPosition,
                "`\(entry.key)` cannot name an environment: take letters and digits, and not one of "
                    + Self.reserved.joined(separator: ", ")
            )
        }
        var reader = MapReader(entry.value, "the environment `\(entry.key)`", diagnostics: diagnostics)
        let address = reader.required("url").flatMap { url(of: $0, "url", reader) }
        let items = reader.required("servers").flatMap { reader.list(of: $0, "servers") } ?? []
        var servers: [String] = []
        for item in items {
            guard let server = plain(of: item, "servers", reader) else { continue }
            if let owner = owners[server] {
                diagnostics.report(item.position, "the server `\(server)` is already one of `\(owner)`")
            }
            owners[server] = entry.key
            servers.append(server)
        }
        if case .list([], let position)? = entry.value.child("servers") {
            diagnostics.report(position, "`servers` of `\(entry.key)` must name at least one server")
        }
        reader.finish()
        return EnvironmentSpec(name: EnvironmentName(entry.key), url: address ?? "", servers: servers)
    }

    // MARK: balancers

    func balancers(_ value: Parameter?, _ scope: Scope, _ users: Users) -> [ConfiguredBalancer] {
        guard let value else { return [] }
        guard case .list(let items, _) = value, !items.isEmpty else {
            diagnostics.report(
                value.position,
                "`balancers` must be a list of at least one balancer, found \(value.kindDescription)"
            )
            return []
        }
        return items.compactMap { balancer($0, scope, users) }
    }

    private func balancer(_ value: Parameter, _ scope: Scope, _ users: Users) -> ConfiguredBalancer? {
        let kinds = catalogue.balancerKinds.map(\.key)
        guard case .map(let entries, _) = value else {
            diagnostics.report(
                value.position,
                "a balancer must be a mapping, such as `\(kinds.first ?? "nginx"): FILE`, "
                    + "found \(value.kindDescription)"
            )
            return nil
        }
        let chosen = entries.filter { kinds.contains($0.key) }
        guard let entry = chosen.first, let kind = catalogue.balancerKind(entry.key) else {
            let guess = entries.first { Spelling.nearest(to: $0.key, among: kinds) != nil } ?? entries.first
            diagnostics.report(
                guess?.keyPosition ?? value.position,
                "a balancer needs one of the keys \(kinds.joined(separator: ", "))"
                    + found(guess, among: kinds)
            )
            return nil
        }
        if let other = chosen.dropFirst().first {
            diagnostics.report(
                other.keyPosition,
                "a balancer is one of \(kinds.joined(separator: ", ")), not two"
            )
        }
        var reader = MapReader(value, "a balancer of kind `\(kind.key)`", diagnostics: diagnostics)
        let context = BalancerContext(
            service: scope.service,
            folder: folder,
            environments: scope.environments,
            sticky: users.sticky,
            chosenUsers: users.chosen
        )
        guard scope.environments.count == 2 else { return nil }
        let made = kind.make(&reader, context)
        reader.finish()
        return made
    }

    func found(_ entry: Parameter.Entry?, among words: [String]) -> String {
        guard let entry else { return "" }
        let hint = Spelling.nearest(to: entry.key, among: words).map { "; did you mean `\($0)`?" }
        return ", found `\(entry.key)`\(hint ?? "")"
    }

    /// What becomes of a run when a balancer cannot be reached.
    func unreachable(_ value: Parameter?) -> UnreachablePolicy {
        value.flatMap { onFailure($0, "unreachable", proceed: "continue") } == .proceed ? .proceed : .stop
    }

    // MARK: secrets

    func secrets(_ value: Parameter?) -> [SecretSpec] {
        guard let value else { return [] }
        var reader = MapReader(value, "`secrets`", diagnostics: diagnostics)
        return reader.takeRest().map(secret)
    }

    private func secret(_ entry: Parameter.Entry) -> SecretSpec {
        if !Self.isVariableName(entry.key) {
            diagnostics.report(
                entry.keyPosition,
                "a secret's name must be letters, digits and `_`, found `\(entry.key)`"
            )
        }
        if case .scalar(let scalar) = entry.value, scalar.text.isEmpty, !scalar.isQuoted {
            return SecretSpec(name: entry.key, source: .environment, position: entry.keyPosition)
        }
        var reader = MapReader(entry.value, "the secret `\(entry.key)`", diagnostics: diagnostics)
        let file = reader.optional("file").flatMap { plain(of: $0, "file", reader) }
        let command = reader.optional("command").flatMap { arguments($0, reader) }
        reader.finish()
        let source: SecretSpec.Source
        switch (file, command) {
        case (nil, nil): source = .environment
        case (let file?, nil): source = .file(file)
        case (nil, let command?): source = .command(command)
        case (.some, .some):
            diagnostics.report(
                entry.value.position,
                "a secret comes from `file` or from `command`, not from both"
            )
            source = .environment
        }
        return SecretSpec(name: entry.key, source: source, position: entry.keyPosition)
    }

    private func arguments(_ value: Parameter, _ reader: MapReader) -> [String]? {
        guard let items = reader.list(of: value, "command") else { return nil }
        if items.isEmpty { diagnostics.report(value.position, "`command` must name a program") }
        return items.compactMap { plain(of: $0, "command", reader) }
    }

    static func isVariableName(_ text: String) -> Bool {
        guard let first = text.first, !first.isNumber else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    }
}

extension Parameter {
    /// The value of a key, where this is a mapping that has it.
    func child(_ key: String) -> Parameter? {
        guard case .map(let entries, _) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }
}
