extension NginxConfiguration {
    /// The names of all upstreams in file order; one that occurs twice is there twice.
    package var upstreamNames: [String] {
        upstreamDirectives.map { text(of: directives[$0].tokens.lowerBound + 1) }
    }

    /// The upstreams of this name.
    ///
    /// nginx refuses two in `http`, but allows one in `http` and one in `stream`; modules bring more such
    /// blocks (`tcp`), so an upstream counts wherever it stands.
    package func upstreams(named name: String) -> [Upstream] {
        upstreamDirectives
            .filter { isEqual(directives[$0].tokens.lowerBound + 1, name) }
            .map(upstream(at:))
    }

    private var upstreamDirectives: [Int] {
        directives.indices.filter { index in
            directives[index].hasBlock && directives[index].tokens.count == 2 && isNamed(index, "upstream")
        }
    }

    private func upstream(at index: Int) -> Upstream {
        let directive = directives[index]
        let contents = index + 1..<directive.next
        var balancing: String?
        var hasZone = false
        forEachChild(of: contents, []) { child in
            let name = text(of: directives[child].tokens.lowerBound)
            if Self.balancings.contains(name) { balancing = balancing ?? name }
            if name == "zone" { hasZone = true }
            return true
        }
        return Upstream(
            handle: Upstream.Handle(directive: index),
            name: text(of: directive.tokens.lowerBound + 1),
            line: Int(directive.line),
            servers: serverDirectives(of: index).enumerated().map { server(at: $1, index: $0) },
            balancing: balancing,
            hasZone: hasZone,
            includes: includes(in: contents)
        )
    }

    /// Directives under which weights are not shares: those of nginx and nginx Plus, and common modules' own.
    private static let balancings: Set<String> = [
        "balancer_by_lua_block", "balancer_by_lua_file", "consistent_hash", "fair", "hash", "ip_hash",
        "least_conn", "least_time", "random", "sticky",
    ]

    func serverDirectives(of upstream: Int) -> [Int] {
        var found: [Int] = []
        forEachChild(of: upstream + 1..<directives[upstream].next, []) { child in
            let directive = directives[child]
            if !directive.hasBlock, directive.tokens.count >= 2, isNamed(child, "server") {
                found.append(child)
            }
            return true
        }
        return found
    }

    private func server(at directive: Int, index: Int) -> UpstreamServer {
        let parameters = parameterTokens(of: directive)
        let weight = parameters.last { isWeight($0) }.flatMap { weightValue($0) }
        let tokens = directives[directive].tokens
        return UpstreamServer(
            index: index,
            address: text(of: tokens.lowerBound + 1),
            weight: weight ?? 1,
            isDown: parameters.contains { isEqual($0, "down") },
            isBackup: parameters.contains { isEqual($0, "backup") },
            line: Int(directives[directive].line)
        )
    }

    // MARK: parameters

    /// What follows the address.
    func parameterTokens(of server: Int) -> Range<Int> { argumentTokens(of: server).dropFirst() }

    func isWeight(_ token: Int) -> Bool { unquoted(token).starts(with: "weight=".utf8) }

    /// `nil` for what nginx refuses: `weight=0`, `weight=2.5`, `weight=`.
    func weightValue(_ token: Int) -> Int? {
        let digits = unquoted(token).dropFirst("weight=".utf8.count)
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 >= 1 ? $0 : nil }
    }
}
