import DeployPorts

extension CommandDialect {
    /// Reads `command: {up: […], current: […], pending: […]}`; reports every mistake.
    static func read(_ value: Parameter, _ diagnostics: Diagnostics) -> Self? {
        let before = diagnostics.all.count
        guard case .map = value else {
            diagnostics.report(
                value.position,
                "`command` must be a mapping such as {up: [./migrate], current: [./head], pending: [./todo]}, "
                    + "found \(value.kindDescription)"
            )
            return nil
        }
        var reader = MapReader(value, "`command`", diagnostics: diagnostics)
        let up = reader.required("up").flatMap { arguments($0, "up", reader) }
        let current = reader.required("current").flatMap { arguments($0, "current", reader) }
        let goal = goal(&reader)
        let headPattern = reader.optional("head_pattern").flatMap { pattern($0, reader) }
        let sql = reader.optional("sql").flatMap { arguments($0, "sql", reader) }
        let down = reader.optional("down").flatMap { arguments($0, "down", reader) }
        reader.finish()
        guard let up, let current, let goal, diagnostics.all.count == before else { return nil }
        return Self(up: up, current: current, goal: goal, headPattern: headPattern, sql: sql, down: down)
    }

    private static func goal(_ reader: inout MapReader) -> Goal? {
        let pending = reader.optional("pending")
        let head = reader.optional("head")
        switch (pending, head) {
        case (let value?, nil): return arguments(value, "pending", reader).map { .pending($0) }
        case (nil, let value?): return arguments(value, "head", reader).map { .head($0) }
        default:
            reader.diagnostics.report(
                reader.position,
                "`command` needs one of `pending` (prints what is to be applied, a name a line) and `head` "
                    + "(prints what `current` prints afterwards): by it is known that all is applied"
            )
            return nil
        }
    }

    private static func pattern(_ value: Parameter, _ reader: MapReader) -> Template? {
        guard let template = reader.template(of: value, "head_pattern") else { return nil }
        do {
            _ = try Regex(template.source)
            return template
        } catch {
            reader.diagnostics.report(
                value.position,
                "`head_pattern` is not a regular expression: \(error)"
            )
            return nil
        }
    }

    private static func arguments(
        _ value: Parameter,
        _ key: String,
        _ reader: MapReader
    ) -> [Template]? {
        guard case .list(let items, _) = value, !items.isEmpty else {
            reader.diagnostics.report(
                value.position,
                "`\(key)` must be a list of a program and its arguments, found \(value.kindDescription)"
            )
            return nil
        }
        let templates = items.compactMap { reader.template(of: $0, key) }
        for reference in templates.flatMap(\.references) where reference.name.hasPrefix("secret.") {
            reader.diagnostics.report(
                reference.position,
                "`${\(reference.name)}` cannot be an argument: every user of this host can read the arguments "
                    + "of a process; the command has the database's URL as the variable DATABASE_URL"
            )
        }
        return templates.count == items.count ? templates : nil
    }
}
