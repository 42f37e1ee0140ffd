/// Compares what a configuration's parser makes of the input with what ``Reader`` makes of it.
///
/// Then sets weights in each of its upstreams, and compares again. Compiled together with
/// `Sources/Core/NginxConfig`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNginx(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: data, count: size))
    check(text)
    // Anything but linear time shows in a long text, as a timeout.
    if size > 3, text.reduce(0, { ($0 &* 31) &+ UInt32($1) }) % 256 == 0 {
        let copies = Array(repeatElement(text, count: 200_000 / size).joined())
        guard var parsed = try? NginxConfiguration(parsing: copies) else { return 0 }
        guard let upstream = parsed.upstreamNames.first.flatMap({ parsed.upstreams(named: $0).last }) else {
            return 0
        }
        parsed.set(upstream.servers.map { ($0.index, .weight(3)) }, in: upstream.handle)
    }
    return 0
}

private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard condition else { fatalError(message()) }
}

private func check(_ text: [UInt8]) {
    let reader = Reader(text)
    let configuration: NginxConfiguration
    do throws(ConfigurationError) {
        configuration = try NginxConfiguration(parsing: text)
    } catch {
        require(reader == nil, "refused, though nginx reads it: \(error)")
        require(error.line > 0 && error.column > 0, "an error without a place")
        return
    }
    guard let reader else { fatalError("nginx does not read this") }
    require(configuration.bytes == text, "the text came back changed")
    let pools = Pool.all(of: reader)
    require(configuration.upstreamNames.count == pools.count, "not the same upstreams")
    for (name, pool) in zip(configuration.upstreamNames, pools) {
        require(name == String(decoding: pool.name, as: UTF8.self), "\(name) is called otherwise")
        // Two names may differ in bytes that are no UTF-8 alone.
        let candidates = configuration.upstreams(named: name)
        guard candidates.count == 1, let upstream = candidates.first else { continue }
        require(upstream.servers.count == pool.servers.count, "not the same servers")
        edit(configuration, upstream, pool)
    }
}

private func edit(_ before: NginxConfiguration, _ upstream: Upstream, _ pool: Pool) {
    let wanted = upstream.servers.map { server -> (server: Int, weight: ServerWeight) in
        let number = before.bytes.count + server.index * 7
        return (server.index, number % 4 == 0 ? .down : .weight(1 + number % 12))
    }
    var after = before
    after.set(wanted, in: upstream.handle)
    guard let reader = Reader(after.bytes) else { fatalError("nginx does not read the edited text") }
    let edited = Pool.all(of: reader).first { $0.statement == pool.statement }
    guard let edited, edited.servers.count == pool.servers.count else { fatalError("another upstream") }
    require(pool.outside(before.bytes) == edited.outside(after.bytes), "bytes outside the servers changed")
    for (index, (old, new)) in zip(pool.servers, edited.servers).enumerated() {
        require(old.kept == new.kept, "another word than weight and down changed")
        require(
            old.space(before.bytes) == new.space(after.bytes),
            "a comment or a line feed of a server changed"
        )
        switch wanted[index].weight {
        case .down: require(new.isDown, "it is not down")
        case .weight(let weight):
            require(!new.isDown, "it is down")
            require(new.weight == Array("\(weight)".utf8) || new.number == weight, "it has another weight")
        }
    }
    var again = after
    again.set(wanted, in: upstream.handle)
    require(again.bytes == after.bytes, "setting the same again changed something")
}

/// An upstream as ``Reader`` sees it.
private struct Pool {
    struct Server {
        let words: [Reader.Word]
        let end: Int

        var kept: [[UInt8]] {
            words.prefix(2).map(\.value) + words.dropFirst(2).filter { !isSet($0) }.map(\.value)
        }
        var isDown: Bool { words.dropFirst(2).contains { $0.value == Array("down".utf8) } }
        var weight: [UInt8] {
            words.dropFirst(2).last { $0.value.starts(with: "weight=".utf8) }.map {
                Array($0.value.dropFirst(7))
            }
                ?? Array("1".utf8)
        }
        var number: Int? { Int(String(decoding: weight, as: UTF8.self)) }
        var range: Range<Int> { words[0].range.lowerBound..<end }

        private func isSet(_ word: Reader.Word) -> Bool {
            word.value == Array("down".utf8) || word.value.starts(with: "weight=".utf8)
        }

        /// What stands between and behind the words, without blanks.
        func space(_ text: [UInt8]) -> [UInt8] {
            zip(words, words.dropFirst().map(\.range.lowerBound) + [end])
                .flatMap { text[$0.range.upperBound..<$1] }
                .filter { $0 != 32 && $0 != 9 }
        }
    }

    let statement: Int
    let name: [UInt8]
    let servers: [Server]

    static func all(of reader: Reader) -> [Pool] {
        reader.statements.indices.compactMap { index in
            let head = reader.statements[index]
            guard head.hasBlock, head.words.count == 2, head.words[0].value == Array("upstream".utf8) else {
                return nil
            }
            let servers = reader.statements.filter { statement in
                statement.parent == index && !statement.hasBlock && statement.words.count > 1
                    && statement.words[0].value == Array("server".utf8)
            }
            return Pool(
                statement: index,
                name: head.words[1].value,
                servers: servers.map { Server(words: $0.words, end: $0.end) }
            )
        }
    }

    /// The text without the servers.
    func outside(_ text: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var copied = 0
        for server in servers {
            pieces.append(Array(text[copied..<server.range.lowerBound]))
            copied = server.range.upperBound
        }
        return pieces + [Array(text[copied...])]
    }
}
