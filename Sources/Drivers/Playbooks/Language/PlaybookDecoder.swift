import DeployCore
import DeployPorts
import TrafficJudgement

/// Decodes a playbook's parameters and reports every mistake; a file per part of the language.
struct PlaybookDecoder {
    let catalogue: Catalogue
    let diagnostics: Diagnostics
    let folder: String

    /// The result means nothing when a mistake was reported.
    func decode(_ root: Parameter, text: String, digest: String, path: String) -> Playbook? {
        guard case .map = root else {
            diagnostics.report(
                root.position,
                "a playbook is a mapping of keys to values, found \(root.kindDescription)"
            )
            return nil
        }
        return root.child("runbook") == nil
            ? decodePlaybook(root, text: text, digest: digest, path: path)
            : decodeRunbook(root, text: text, digest: digest, path: path)
    }

    private func decodePlaybook(_ root: Parameter, text: String, digest: String, path: String) -> Playbook? {
        var reader = MapReader(root, "a playbook", diagnostics: diagnostics)
        let service = reader.required("service").flatMap { name(of: $0, "service", reader) } ?? ""
        let publicURL = reader.optional("public_url").flatMap { url(of: $0, "public_url", reader) }
        let environments = self.environments(reader.required("environments"))
        let scope = Scope(service: service, publicURL: publicURL, environments: environments)
        let traffic = reader.optional("strategy")
        let drainsLast = order(reader.optional("order"))
        let strategy = self.strategy(traffic, drainsLast: drainsLast)
        let users = self.users(traffic, reader)
        let hasChecks = root.child("validate") != nil
        let migration = self.migrate(reader.optional("migrate"), scope)
        let severities = self.severities(reader.optional("severity"))
        let playbook = Playbook(
            service: service,
            publicURL: publicURL,
            environments: environments,
            balancers: balancers(reader.required("balancers"), scope, users),
            strategy: strategy,
            sticky: users.sticky,
            severities: severities,
            promises: promises(reader.optional("promises")),
            notify: notify(reader.optional("notify"), knowing: .playbook(severities.map(\.name))),
            unreachable: unreachable(reader.optional("unreachable")),
            steps: steps(&reader, scope).merging([.migrate: migration.steps]) { $1 },
            forwardFix: migration.forwardFix,
            defaultChecks: hasChecks ? [:] : defaultChecks(scope),
            drain: drain(reader.optional("drain"), scope),
            monitor: monitor(reader.optional("monitor"), scope),
            rollback: rollback(reader.optional("rollback"), scope),
            afterwards: afterwards(reader.optional("afterwards"), scope),
            drainsAfterSwitch: drainsLast,
            versionPattern: versionPattern(reader.optional("version_pattern"), reader),
            secrets: secrets(reader.optional("secrets")),
            references: [],
            text: text,
            digest: digest,
            path: path,
            folder: folder
        )
        check(playbook, root)
        reader.finish()
        return playbook.withReferences(checkedBy: diagnostics)
    }

    private func steps(_ reader: inout MapReader, _ scope: Scope) -> [PhaseName: [PlaybookStep]] {
        [
            .preflight: phase(.preflight, reader.optional("preflight"), scope),
            .prepare: phase(.prepare, reader.optional("prepare"), scope),
            .warmUp: phase(.warmUp, reader.optional("warm_up"), scope),
            .validate: phase(.validate, reader.optional("validate"), scope),
        ]
    }

    /// What only the whole playbook can show.
    private func check(_ playbook: Playbook, _ root: Parameter) {
        checkClosing(playbook, root)
        checkTold(playbook)
    }

    private func checkClosing(_ playbook: Playbook, _ root: Parameter) {
        guard playbook.drain?.closesRest == true, !playbook.drainsAfterSwitch else { return }
        diagnostics.report(
            root.child("drain")?.child("then")?.position ?? root.position,
            "`then: close` needs `order: [switch, drain]`: closed before the switch, connections would come back"
        )
    }

    /// What the other parts need to know.
    struct Scope {
        let service: String
        let publicURL: String?
        let environments: [EnvironmentSpec]

        func stepContext(_ phase: PhaseName, folder: String) -> StepContext {
            StepContext(phase: phase, service: service, folder: folder, publicURL: publicURL)
        }
    }

    /// What `strategy` says about single users.
    struct Users {
        let sticky: UserKey?
        let chosen: ChosenUsers?
    }

    // MARK: plain values

    /// Text that is read before a run exists, so that it cannot refer to values.
    func plain(of value: Parameter, _ key: String, _ reader: MapReader) -> String? {
        guard let text = reader.text(of: value, key) else { return nil }
        guard !text.contains("${") else {
            diagnostics.report(value.position, "`\(key)` cannot refer to values such as `${…}`")
            return nil
        }
        guard !text.isEmpty else {
            diagnostics.report(value.position, "`\(key)` must not be empty")
            return nil
        }
        return text
    }

    /// A name that is safe in file names and in labels of metrics.
    func name(of value: Parameter, _ key: String, _ reader: MapReader) -> String? {
        guard let text = plain(of: value, key, reader) else { return nil }
        guard Self.isName(text) else {
            diagnostics.report(
                value.position,
                "`\(key)` must be letters, digits, `-`, `_` and `.`, at most 64 and a letter or digit first, "
                    + "found `\(text)`"
            )
            return nil
        }
        return text
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.first, text.utf8.count <= 64, first.isASCII, first.isLetter || first.isNumber
        else {
            return false
        }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }

    func url(of value: Parameter, _ key: String, _ reader: MapReader) -> String? {
        guard let text = plain(of: value, key, reader) else { return nil }
        let hosts = ["http://", "https://"].filter(text.hasPrefix).map { text.dropFirst($0.count) }
        let isClean = text.unicodeScalars.allSatisfy {
            $0.isASCII && $0.value > 0x20 && !"\"<>\\^`{|}".unicodeScalars.contains($0)
        }
        guard let host = hosts.first, let first = host.first, first != "/", isClean else {
            diagnostics.report(
                value.position,
                "`\(key)` must be a URL that begins with http:// or https://, found `\(text)`"
            )
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private func versionPattern(_ value: Parameter?, _ reader: MapReader) -> String? {
        guard let value, let text = reader.text(of: value, "version_pattern") else { return nil }
        guard (try? Regex(text)) != nil else {
            diagnostics.report(value.position, "`version_pattern` is not a regular expression: `\(text)`")
            return nil
        }
        return text
    }
}
