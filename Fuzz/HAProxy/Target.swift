/// Compares what a configuration's parser makes of the input with what ``Reader`` makes of it.
///
/// Then sets weights in each of its backends, and compares again. Compiled together with
/// `Sources/Core/HAProxyConfig`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHAProxy(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: data, count: size))
    check(text)
    // Anything but linear time shows in a long text, as a timeout.
    if size > 3, text.reduce(0, { ($0 &* 31) &+ UInt32($1) }) % 256 == 0 {
        let copies = Array(repeatElement(text, count: 200_000 / size).joined())
        guard var parsed = try? HAProxyConfiguration(parsing: copies) else { return 0 }
        guard let backend = parsed.backendNames.first.flatMap({ parsed.backends(named: $0).last }) else {
            return 0
        }
        parsed.set(backend.servers.map { ($0.index, 3) }, in: backend.handle)
    }
    return 0
}

private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard condition else { fatalError(message()) }
}

private func check(_ text: [UInt8]) {
    let reader = Reader(text)
    let configuration: HAProxyConfiguration
    do throws(ConfigurationError) {
        configuration = try HAProxyConfiguration(parsing: text)
    } catch {
        require(
            reader == nil || error.message.contains("template"),
            "refused, though HAProxy reads it: \(error)"
        )
        require(error.line > 0 && error.column > 0, "an error without a place")
        return
    }
    guard let reader else { fatalError("HAProxy does not read this") }
    require(configuration.bytes == text, "the text came back changed")
    let pools = Pool.all(of: reader)
    require(configuration.backendNames.count == pools.count, "not the same backends")
    for (name, pool) in zip(configuration.backendNames, pools) {
        require(name == pool.name, "\(name) is called otherwise")
        let candidates = configuration.backends(named: name)
        guard candidates.count == 1, let backend = candidates.first else { continue }
        require(backend.servers.count == pool.servers.count, "not the same servers")
        edit(configuration, backend, pool, reader)
    }
}

private func edit(_ before: HAProxyConfiguration, _ backend: Backend, _ pool: Pool, _ reader: Reader) {
    let wanted = backend.servers.map { server in
        (
            server: server.index,
            weight: (before.bytes.count + server.index * 7) % 4 == 0 ? 1 : server.index * 37 % 257
        )
    }
    var after = before
    after.set(wanted, in: backend.handle)
    guard let again = Reader(after.bytes) else { fatalError("HAProxy does not read the edited text") }
    require(again.lines.count == reader.lines.count, "not as many lines")
    require(outside(reader, pool, before.bytes) == outside(again, pool, after.bytes), "another line changed")
    for (line, assignment) in zip(pool.servers, wanted) {
        check(reader.lines[line], again.lines[line], assignment.weight)
    }
    let read = after.backends(named: backend.name).first
    require(read?.servers.map(\.effectiveWeight) == wanted.map(\.weight), "it has another weight")
    var twice = after
    twice.set(wanted, in: backend.handle)
    require(twice.bytes == after.bytes, "setting the same again changed something")
}

/// A word and what stands between it and the next, or behind the last.
private struct Piece {
    let word: [UInt8]
    var gap: [UInt8]

    static func all(of line: Reader.Line) -> [Piece] {
        zip(line.words, line.rest).map { Piece(word: $0.value, gap: $1) }
    }
}

/// Only the word behind a `weight` may differ, and only ` weight N`, or ` N` behind a last `weight`, may be new.
private func check(_ before: Reader.Line, _ after: Reader.Line, _ weight: Int) {
    var old = Piece.all(of: before)
    let new = Piece.all(of: after)
    if let last = old.last, last.word == Array("weight".utf8), new.count % 2 != old.count % 2 {
        old[old.count - 1].gap = [32]
        old.append(Piece(word: Array("\(weight)".utf8), gap: last.gap))
    }
    require((0...4).contains(new.count - old.count), "more or fewer words than one weight before and behind")
    require(isEdited(old, new, Array("\(weight)".utf8)), "another word, a blank or a comment changed")
}

private func isEdited(_ old: [Piece], _ new: [Piece], _ number: [UInt8]) -> Bool {
    let keyword = Array("weight".utf8)
    guard new.count > old.count else {
        return new.count == old.count
            && new.indices.allSatisfy { index in
                let isNumber = index > 0 && new[index - 1].word == keyword && new[index].word == number
                return new[index].gap == old[index].gap && (new[index].word == old[index].word || isNumber)
            }
    }
    return new.indices.dropFirst(3).dropLast().contains { index in
        let isPair = new[index].word == keyword && new[index + 1].word == number
        guard isPair, new[index - 1].gap == [32], new[index].gap == [32] else { return false }
        var fewer = new
        fewer[index - 1].gap = new[index + 1].gap
        fewer.removeSubrange(index...index + 1)
        return isEdited(old, fewer, number)
    }
}

/// The text without the pool's server lines.
private func outside(_ reader: Reader, _ pool: Pool, _ text: [UInt8]) -> [[UInt8]] {
    var copied = 0
    var pieces: [[UInt8]] = []
    for line in pool.servers.map({ reader.lines[$0] }) {
        pieces.append(Array(text[copied..<line.range.lowerBound]))
        copied = line.range.upperBound
    }
    return pieces + [Array(text[copied...])]
}

/// A backend as ``Reader`` sees it.
private struct Pool {
    let name: String
    /// Indices of lines.
    var servers: [Int] = []

    static let sections: Set<String> = [
        "acme", "backend", "cache", "crt-list", "crt-store", "defaults", "dynamic-update", "fcgi-app",
        "frontend",
        "global", "http-errors", "listen", "log-forward", "log-profile", "mailers", "peers", "program",
        "resolvers",
        "ring", "traces", "userlist",
    ]

    static func all(of reader: Reader) -> [Pool] {
        var pools: [Pool] = []
        var isInside = false
        for (index, line) in reader.lines.enumerated() {
            if sections.contains(line.keyword) {
                isInside = line.keyword == "backend" || line.keyword == "listen"
                let name = line.words.dropFirst().first.map { String(decoding: $0.value, as: UTF8.self) }
                if isInside { pools.append(Pool(name: name ?? "")) }
            } else if isInside, line.keyword == "server", line.words.count > 2 {
                pools[pools.count - 1].servers.append(index)
            }
        }
        return pools
    }
}
