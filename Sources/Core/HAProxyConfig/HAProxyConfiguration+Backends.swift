extension HAProxyConfiguration {
    /// The names of all `backend` and `listen` sections in file order; one that occurs twice is there twice.
    package var backendNames: [String] { backendSections.map { name(of: statements[sections[$0].head]) } }

    /// The `backend` and `listen` sections of this name.
    ///
    /// `frontend`, `peers`, `ring` and others are not among them.
    package func backends(named name: String) -> [Backend] {
        backendSections
            .filter { self.name(of: statements[sections[$0].head]).utf8.elementsEqual(name.utf8) }
            .map(backend(at:))
    }

    private var backendSections: [Int] {
        sections.indices.filter { sections[$0].kind == .backend || sections[$0].kind == .listen }
    }

    private func backend(at index: Int) -> Backend {
        let section = sections[index]
        var balance: String?
        var hasServerTemplate = false
        for source in defaults(of: index).map({ sections[$0].statements }) + [section.statements] {
            for statement in statements[source] {
                switch keyword(of: statement) {
                case "balance": balance = name(of: statement)
                case "server-template": hasServerTemplate = true
                default: break
                }
            }
        }
        let head = statements[section.head]
        return Backend(
            handle: Backend.Handle(section: index),
            name: name(of: head),
            line: head.line,
            servers: servers(of: index).enumerated().map { server($1, index: $0) },
            balance: balance,
            hasServerTemplate: hasServerTemplate
        )
    }

    private func server(_ line: ServerLine, index: Int) -> BackendServer {
        let statement = statements[line.statement]
        return BackendServer(
            index: index,
            name: name(of: statement),
            address: text(of: statement.words.lowerBound + 2),
            weight: line.explicitWeight,
            effectiveWeight: line.parameters.weight ?? 1,
            isDisabled: line.parameters.isDisabled,
            isBackup: line.parameters.isBackup,
            isConditional: statement.isConditional,
            line: statement.line
        )
    }

    // MARK: server lines

    struct ServerLine {
        let statement: Int
        /// With what `default-server` gave.
        let parameters: ServerParameters
        let explicitWeight: Int?
    }

    /// The servers of a section, each with the `default-server` lines that stand before it.
    func servers(of section: Int) -> [ServerLine] {
        var inherited = ServerParameters()
        for defaults in defaults(of: section) {
            for index in sections[defaults].statements { readDefault(index, into: &inherited) }
        }
        var found: [ServerLine] = []
        for index in sections[section].statements {
            readDefault(index, into: &inherited)
            let statement = statements[index]
            guard statement.words.count >= 3, keyword(of: statement) == "server" else { continue }
            var own = ServerParameters()
            own.read(statement.words.dropFirst(3), of: self)
            var parameters = inherited
            parameters.read(statement.words.dropFirst(3), of: self)
            found.append(ServerLine(statement: index, parameters: parameters, explicitWeight: own.weight))
        }
        return found
    }

    private func readDefault(_ index: Int, into parameters: inout ServerParameters) {
        let statement = statements[index]
        guard keyword(of: statement) == "default-server" else { return }
        let settings = statement.words.dropFirst()
        parameters.hasDefaults = true
        // A named default applies only to the servers that ask for it; `from` starts from other settings.
        if settings.contains(where: { text(of: $0) == "name" }) { return }
        if settings.contains(where: { text(of: $0) == "from" }) { parameters.reset() }
        parameters.read(settings, of: self)
    }

    /// The `defaults` sections that apply, those that others begin `from` first.
    ///
    /// A backend without `from` begins with the last one before it, a `defaults` without it with nothing.
    private func defaults(of section: Int) -> [Int] {
        var chain: [Int] = []
        var section = section
        while true {
            let wanted = origin(of: section)
            if wanted == nil, sections[section].kind == .defaults { return chain.reversed() }
            let next = sections[..<section].lastIndex { candidate in
                candidate.kind == .defaults
                    && (wanted == nil || name(of: statements[candidate.head]) == wanted)
            }
            guard let next else { return chain.reversed() }
            chain.append(next)
            section = next
        }
    }

    /// The name behind `from` in the section's head.
    private func origin(of section: Int) -> String? {
        let words = statements[sections[section].head].words.dropFirst(2)
        guard let from = words.first(where: { text(of: $0) == "from" }), from + 1 < words.upperBound else {
            return nil
        }
        return text(of: from + 1)
    }
}
