import DeployCore
import DeployPorts
import SecureShell

/// Decodes `run`, `script` and what may stand beside them, reporting every mistake.
struct CommandReader {
    let diagnostics: Diagnostics

    func arguments(_ value: Parameter) -> [Template]? {
        guard case .list(let items, let position) = value else {
            diagnostics.report(
                value.position,
                "`run` must be a list of a program and its arguments, such as [./deploy.sh, \"${version}\"], found "
                    + "\(value.kindDescription); a shell text goes into `script`"
            )
            return nil
        }
        guard !items.isEmpty else {
            diagnostics.report(position, "`run` needs a program")
            return nil
        }
        let templates = items.compactMap { template($0, "run") }
        if templates.first?.source.isEmpty == true {
            diagnostics.report(items[0].position, "`run` needs a program, found nothing")
        }
        for reference in templates.flatMap(\.references) where reference.name.hasPrefix("secret.") {
            let name = reference.name.dropFirst("secret.".count)
            diagnostics.report(
                reference.position,
                "`${\(reference.name)}` cannot be an argument: every user of this host can read the arguments of "
                    + "a process; the command has it as the variable BGDEPLOY_SECRET_\(name), and `env` can give "
                    + "it another name"
            )
        }
        return templates.count == items.count ? templates : nil
    }

    func script(_ value: Parameter) -> String? {
        guard case .scalar(let scalar) = value, scalar.text.contains(where: { !$0.isWhitespace }) else {
            diagnostics.report(
                value.position,
                "`script` must be a shell text, found \(value.kindDescription)"
            )
            return nil
        }
        for name in Self.shellReferences(in: scalar.text) {
            guard let variable = Self.variable(for: name, in: scalar.text) else { continue }
            diagnostics.report(
                scalar.position,
                "`${\(name)}` is not put into a shell text, where it could become a command; \(variable)"
            )
        }
        return scalar.text
    }

    func variables(_ siblings: [Parameter.Entry]) -> [CommandStep.Variable] {
        var variables: [CommandStep.Variable] = []
        for sibling in siblings where sibling.key == "env" {
            variables += self.variables(in: sibling.value)
        }
        return variables
    }

    /// The host that `on` names; `nil` for this one.
    func host(_ siblings: [Parameter.Entry]) -> SSHHost? {
        guard let value = siblings.first(where: { $0.key == "on" })?.value else { return nil }
        guard case .scalar(let scalar) = value else {
            diagnostics.report(value.position, "`on` must be a host, found \(value.kindDescription)")
            return nil
        }
        do throws(SSHHost.Mistake) {
            return try SSHHost(scalar.text)
        } catch {
            diagnostics.report(value.position, "`on`: \(error.message)")
            return nil
        }
    }

    private func variables(in value: Parameter) -> [CommandStep.Variable] {
        guard case .map(let entries, _) = value else {
            diagnostics.report(
                value.position,
                "`env` must be a mapping of variables to values, found \(value.kindDescription)"
            )
            return []
        }
        return entries.compactMap { entry in
            guard Self.isVariableName(entry.key) else {
                diagnostics.report(
                    entry.keyPosition,
                    "`\(entry.key)` is not a variable's name: letters, digits and `_`, not beginning with a digit"
                )
                return nil
            }
            guard !entry.key.hasPrefix("BGDEPLOY_") else {
                diagnostics.report(
                    entry.keyPosition,
                    "`\(entry.key)`: BGDEPLOY_ variables are given by bgdeploy"
                )
                return nil
            }
            return template(entry.value, entry.key).map { CommandStep.Variable(name: entry.key, value: $0) }
        }
    }

    private func template(_ value: Parameter, _ key: String) -> Template? {
        MapReader(.map([], position: value.position), key, diagnostics: diagnostics).template(of: value, key)
    }

    private static func isVariableName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "_"): true
            default: false
            }
        }
    }

    /// The names between `${` and `}` in a shell text.
    private static func shellReferences(in text: String) -> [String] {
        text.split(separator: "${", omittingEmptySubsequences: false).dropFirst().compactMap { piece in
            piece.firstIndex(of: "}").map { String(piece[..<$0]) }
        }
    }

    /// What to write instead of a playbook's value; `nil` when the shell's own variable may well be meant.
    private static func variable(for name: String, in text: String) -> String? {
        let isPlain = name.allSatisfy { $0.isLetter || $0.isNumber || "._-".contains($0) }
        guard isPlain else { return nil }
        if let variable = CommandStep.variablesByValue[name] {
            let isAssigned = ["\(name)=", "for \(name) ", "read "].contains { text.contains($0) }
            return isAssigned ? nil : "write `$\(variable)`"
        }
        if name.hasPrefix("secret.") { return "write `$BGDEPLOY_SECRET_\(name.dropFirst("secret.".count))`" }
        if name.hasPrefix("env.") { return "write `$\(name.dropFirst("env.".count))`" }
        guard name.hasPrefix("steps.") else { return nil }
        return "name it in `env`, such as `env: {VALUE: \"${\(name)}\"}`, and write `$VALUE`"
    }
}
