import DeployCore
import DeployPorts
import HAProxyConfig

/// A user's configuration with, or without, the lines of mode `map`.
///
/// Only whole lines between two comments of ours are put in; nothing of the user's changes. Each frontend that
/// sends requests to the backend computes the name of one of two new backends, before its first `use_backend`
/// and behind its other `http-request` lines, so that what those clean up is clean. Before every `use_backend`
/// of the backend stands the same rule with the computed name, and one behind the last for `default_backend`.
struct MapText {
    private let path: String
    private let layout: MapLayout
    private var lines: ConfigurationLines
    private let sections: [SectionView]
    private let backend: SectionView
    /// Lines to put in, by the line behind which they go.
    private var additions: [Int: [[UInt8]]] = [:]

    /// `bytes` with what mode `map` needs, whether it was there before or not.
    ///
    /// `own` are the weights of the servers beside those of their environment; `names` the servers of each
    /// environment.
    static func installed(
        _ bytes: [UInt8],
        path: String,
        _ layout: MapLayout,
        names: [EnvironmentName: Set<String>],
        own: [String: Int]
    ) throws(LoadBalancerError) -> [UInt8] {
        var text = try MapText(bytes, path, layout)
        for (environment, others) in zip(layout.environments, layout.environments.reversed()) {
            text.addBackend(of: environment, without: names[others] ?? [])
        }
        var isUsed = false
        for section in text.sections where ["frontend", "listen"].contains(section.keyword) {
            if try text.addRules(to: section) { isUsed = true }
        }
        guard isUsed else {
            throw .misconfigured(
                "\(path): no frontend sends requests to `\(layout.backend)`, so there is nothing to divide"
            )
        }
        if layout.sticky != nil { text.addScript() }
        return try text.weighted(try text.result(), own)
    }

    private init(_ bytes: [UInt8], _ path: String, _ layout: MapLayout) throws(LoadBalancerError) {
        self.path = path
        self.layout = layout
        lines = ConfigurationLines(bytes)
        do throws(ConfigurationError) {
            try lines.removeBlocks(from: Self.begin(layout.backend), to: Self.end(layout.backend))
            sections = try HAProxyConfiguration(parsing: lines.bytes).sectionViews(backend: layout.backend)
        } catch {
            throw .misconfigured("\(path):\(error.line):\(error.column): \(error.message)")
        }
        let named = sections.filter {
            ["backend", "listen"].contains($0.keyword) && $0.name == layout.backend
        }
        guard let backend = named.first, named.count == 1 else {
            throw .misconfigured("\(path) has \(named.count) backends `\(layout.backend)`, and one is needed")
        }
        self.backend = backend
        try checkBackend()
    }

    // MARK: what cannot be done

    private static let advice = "; use `mode: weights` for this balancer"

    private func refusal(_ line: Int, _ text: String) -> LoadBalancerError {
        .misconfigured("\(path):\(line): \(text)\(Self.advice)")
    }

    private func checkBackend() throws(LoadBalancerError) {
        guard backend.keyword == "backend" else {
            throw refusal(
                backend.line,
                "`listen \(backend.name)` is a frontend and a backend in one; mode map needs them apart"
            )
        }
        guard backend.mode == "http" else {
            throw refusal(
                backend.line,
                "backend `\(backend.name)` has `mode \(backend.mode)`; mode map looks at HTTP requests"
            )
        }
        if let statement = ([backend.head] + Self.body(of: backend)).first(where: \.isConditional) {
            throw refusal(
                statement.line,
                "a part of backend `\(backend.name)` stands between `.if` and `.endif`"
            )
        }
        if let template = backend.statements.first(where: { $0.keyword == "server-template" }) {
            throw refusal(template.line, "the servers of a `server-template` belong to no environment")
        }
        let taken = Set(layout.environments.map(layout.backend(of:)))
        if let other = sections.first(where: {
            ["backend", "frontend", "listen"].contains($0.keyword) && taken.contains($0.name)
        }) {
            throw .misconfigured(
                "\(path):\(other.line): `\(other.keyword) \(other.name)` has the name that mode map gives to the backend of one environment; rename it"
            )
        }
    }

    /// A section's statements without the `.if` that begins what stands behind it.
    private static func body(of section: SectionView) -> [StatementView] {
        let rest = section.statements.reversed().drop { $0.keyword == ".if" }
        return section.head.isConditional ? section.statements : rest.reversed()
    }

    private func check(_ section: SectionView, _ uses: [StatementView]) throws(LoadBalancerError) {
        guard section.mode == "http" else {
            throw refusal(
                uses.first?.line ?? section.line,
                "\(section.keyword) `\(section.name)` has `mode \(section.mode)`; mode map looks at HTTP requests"
            )
        }
        if let statement = ([section.head] + uses).first(where: \.isConditional) {
            throw refusal(statement.line, "this line stands between `.if` and `.endif`")
        }
    }

    // MARK: what is put in

    /// Adds the rules to a section that uses the backend, and says whether it does.
    private mutating func addRules(to section: SectionView) throws(LoadBalancerError) -> Bool {
        let rules = section.statements.filter { $0.keyword == "use_backend" }
        if let dynamic = rules.first(where: { $0.word(1).contains("%[") }) {
            throw refusal(
                dynamic.line,
                "this `use_backend` computes a name that may be `\(layout.backend)`, which cannot be told from here"
            )
        }
        var uses = rules.filter { $0.word(1) == layout.backend }
        let isDefault = section.defaultBackend == layout.backend
        guard !uses.isEmpty || isDefault else { return false }
        if isDefault { uses += section.statements.filter { $0.keyword == "default_backend" } }
        try check(section, uses)
        let body = Self.body(of: section)
        let last = body.last?.line ?? section.line
        let indent = lines.indent(section.statements.first?.line ?? section.line)
        add(requestRules.map { indent + Array($0.utf8) }, after: Self.placeOfRules(body) ?? last)
        let computed = Array("use_backend %[var(\(layout.variable))]".utf8)
        for rule in rules where rule.word(1) == layout.backend {
            let condition = rule.rawWords.dropFirst(2).flatMap { [UInt8(ascii: " ")] + $0 }
            add([indent + computed + condition], after: rule.line - 1)
        }
        if isDefault { add([indent + computed], after: Self.end(of: rules.last, in: body) ?? last) }
        return true
    }

    /// The line behind which rules for requests are in time: before the first decision, and before the `.if`
    /// around that one; `nil` where nothing is decided but by default.
    private static func placeOfRules(_ body: [StatementView]) -> Int? {
        let first = body.firstIndex { statement in
            ["use_backend", "redirect"].contains(statement.keyword)
                || statement.keyword == "http-request" && statement.word(1) == "allow"
        }
        guard var place = first else { return nil }
        while place > 0, body[place].isConditional, body[place - 1].isConditional { place -= 1 }
        return body[place].line - 1
    }

    /// The line of the statement, or of the `.endif` behind it.
    private static func end(of statement: StatementView?, in body: [StatementView]) -> Int? {
        guard let statement, var place = body.firstIndex(of: statement) else { return nil }
        while body[place].isConditional, place + 1 < body.count, body[place + 1].isConditional { place += 1 }
        return body[place].line
    }

    private mutating func add(_ texts: [[UInt8]], after line: Int) {
        additions[line, default: []] += texts
    }

    /// What makes the variable the name of a backend.
    private var requestRules: [String] {
        let (name, path) = (layout.variable, layout.sharePath)
        let (first, second) = (layout.environments[0], layout.environments[1])
        func set(_ suffix: String, _ value: String) -> String {
            "http-request set-var(\(name)\(suffix)) \(value)"
        }
        var rules = [set(".share", "str(\(layout.key)),map_str_int(\(path),0)")]
        if layout.users != nil {
            rules.append(set(".users", "var(\(name).share),div(\(MapLayout.ownerStep))"))
        }
        rules.append(set(".share", "var(\(name).share),mod(\(MapLayout.ownerStep))"))
        var bucket = "rand(1000)"
        if let sticky = layout.sticky {
            rules.append(set(".key", Self.fetch(sticky)))
            let isMissing = "unless { var(\(name).key) -m len ge 1 }"
            if sticky != .address { rules.append(set(".key", "src \(isMissing)")) }
            // Over a Unix domain socket there is no address; nginx calls it so.
            rules.append(set(".key", "str(unix:) \(isMissing)"))
            bucket = "var(\(name).key),lua.\(layout.converter)"
        }
        rules.append(set("", "str(\(layout.backend(of: first)))"))
        let green = "str(\(layout.backend(of: second)))"
        rules.append(set("", "\(green) if { var(\(name).share) -m int ge 1000 }"))
        rules.append(
            set(
                "",
                "\(green) if { var(\(name).share) -m int 1:999 } { \(bucket),sub(\(name).share) -m int lt 0 }"
            )
        )
        if let users = layout.users {
            for (owner, environment) in zip(1..., layout.environments) {
                let isOn = "{ var(\(name).users) -m int eq \(owner) }"
                let isChosen = "{ \(Self.fetch(users)),map_str(\(layout.usersPath)) -m str 1 }"
                rules.append(set("", "str(\(layout.backend(of: environment))) if \(isOn) \(isChosen)"))
            }
        }
        return rules
    }

    /// The whole header, not its last part behind a comma.
    private static func fetch(_ key: UserKey) -> String {
        switch key {
        case .cookie(let name): "req.cook(\(name))"
        case .header(let name): "req.fhdr(\(name),1)"
        case .address: "src"
        }
    }

    /// A copy of the backend behind it, without the other environment's servers.
    private mutating func addBackend(of environment: EnvironmentName, without others: Set<String>) {
        let space = [UInt8(ascii: " ")]
        let rest = backend.head.rawWords.dropFirst(2).flatMap { space + $0 }
        var copy: [[UInt8]] = [[], Array("backend \(layout.backend(of: environment))".utf8) + rest]
        for statement in Self.body(of: backend) {
            // Numbers and identities belong to one backend alone.
            if ["id", "guid"].contains(statement.keyword) { continue }
            if statement.keyword == "server", others.contains(statement.word(1)) { continue }
            copy.append(lines.text(statement.line))
        }
        add(copy, after: Self.body(of: backend).last?.line ?? backend.line)
    }

    private mutating func addScript() {
        let load = Array("lua-load-per-thread \(layout.scriptPath)".utf8)
        guard let global = sections.first(where: { $0.keyword == "global" && !$0.head.isConditional })
        else {
            return add([Array("global".utf8), Array("    ".utf8) + load], after: 0)
        }
        guard let last = Self.body(of: global).last?.line else {
            return add([Array("    ".utf8) + load], after: global.line)
        }
        add([lines.indent(last) + load], after: last)
    }

    /// The comments before and behind lines of ours.
    static func begin(_ backend: String) -> String { "# bgdeploy \(backend): begin" }
    static func end(_ backend: String) -> String { "# bgdeploy \(backend): end" }

    private func result() throws(LoadBalancerError) -> [UInt8] {
        var lines = lines
        for (place, texts) in additions.sorted(by: { $0.key > $1.key }) {
            let isSection = texts.contains {
                $0.starts(with: "backend ".utf8) || $0.elementsEqual("global".utf8)
            }
            let indent =
                isSection ? [] : (texts.first.map { Array($0.prefix { $0 == 0x20 || $0 == 0x09 }) } ?? [])
            let head =
                indent + Array("\(Self.begin(layout.backend)) (written by `bgdeploy traffic install`)".utf8)
            lines.insert([head] + texts + [indent + Array(Self.end(layout.backend).utf8)], after: place)
        }
        return lines.bytes
    }

    /// The text with the servers' own weights in the two copies, always written out, so that the copy of a line
    /// that gets its weight later is the same.
    private func weighted(_ bytes: [UInt8], _ own: [String: Int]) throws(LoadBalancerError) -> [UInt8] {
        do throws(ConfigurationError) {
            var configuration = try HAProxyConfiguration(parsing: bytes)
            for environment in layout.environments {
                guard let copy = configuration.backends(named: layout.backend(of: environment)).first else {
                    continue
                }
                let weights = copy.servers.compactMap { server in
                    own[server.name].map { (server: server.index, weight: $0) }
                }
                configuration.set(weights.map { (server: $0.server, weight: 256) }, in: copy.handle)
                configuration.set(weights, in: copy.handle)
            }
            return configuration.bytes
        } catch {
            throw .misconfigured("\(path):\(error.line):\(error.column): \(error.message)")
        }
    }
}
