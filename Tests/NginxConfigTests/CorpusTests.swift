import Testing

@testable import NginxConfig

struct CorpusTests {
    @Test(.enabled(if: Corpus.isPresent, "the corpus is not beside the repository"))
    func `every real file comes back byte for byte, or is refused as nginx refuses it`() throws {
        let samples = try Corpus.everything()
        #expect(samples.count > 100)
        for sample in samples {
            let parsed = Result { try NginxConfiguration(parsing: sample.bytes) }
            switch parsed {
            case .success(let configuration):
                #expect(sample.isReadable, "\(sample.name) should have been refused")
                let isSame = configuration.bytes == sample.bytes
                #expect(isSame, "\(sample.name)")
            case .failure(let error): #expect(!sample.isReadable, "\(sample.name): \(error)")
            }
        }
    }

    @Test(.enabled(if: Corpus.isPresent, "the corpus is not beside the repository"))
    func `an edit of a real upstream touches the parameters of its servers alone`() throws {
        var upstreams = 0
        for sample in try Corpus.everything() {
            guard let before = try? NginxConfiguration(parsing: sample.bytes) else { continue }
            for name in Set(before.upstreamNames).sorted() {
                for upstream in before.upstreams(named: name) where !upstream.servers.isEmpty {
                    upstreams += 1
                    try check(upstream, of: before, in: sample.name)
                }
            }
        }
        #expect(upstreams > 100)
    }

    private func check(_ upstream: Upstream, of before: NginxConfiguration, in file: String) throws {
        let place = "\(file): \(upstream.name) in line \(upstream.line)"
        let wanted = upstream.servers.map { server -> (server: Int, weight: ServerWeight) in
            (server.index, server.index % 3 == 1 ? .down : .weight(1 + server.index * 7 % 20))
        }
        var after = before
        after.set(wanted, in: upstream.handle)
        let isSame = masked(before, upstream) == masked(after, upstream)
        #expect(isSame, "\(place): more than the servers' words changed")
        let servers = try #require(
            after.upstreams(named: upstream.name).first { $0.handle == upstream.handle }
        ).servers
        for (server, assignment) in zip(servers, wanted) {
            switch assignment.weight {
            case .down: #expect(server.isDown, "\(place)")
            case .weight(let weight): #expect(server.weight == weight && !server.isDown, "\(place)")
            }
        }
        var again = after
        again.set(wanted, in: upstream.handle)
        let isIdempotent = again.bytes == after.bytes
        #expect(isIdempotent, "\(place): setting the same again changed something")
    }

    /// The text in pieces: all between the upstream's servers, then the words of each but the set ones.
    private func masked(_ configuration: NginxConfiguration, _ upstream: Upstream) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var copied = 0
        for server in configuration.serverDirectives(of: upstream.handle.directive) {
            let tokens = configuration.directives[server].tokens
            let start = configuration.tokens[tokens.lowerBound].range.lowerBound
            pieces.append(Array(configuration.bytes[copied..<start]))
            copied = configuration.tokens[tokens.upperBound - 1].range.upperBound
            for token in tokens where !configuration.isWeight(token) && !configuration.isEqual(token, "down")
            {
                pieces.append(Array(configuration.bytes[configuration.tokens[token].range]))
            }
            while copied < configuration.bytes.count, configuration.bytes[copied] == Byte.space {
                copied += 1
            }
        }
        return pieces + [Array(configuration.bytes[copied...])]
    }
}

struct RandomTextTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `no text traps, and whatever parses comes back and can be edited`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("ab \t\r\n;;{}{}\"'\\#$()[]=-".utf8) + [0, 0xEF, 0xFF]
        let words = [
            "upstream app {", "server a weight=2 down;", "http {", "x_by_lua_block {", "}", "--[[", "'",
        ]
        for _ in 0..<1000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                if Bool.random(using: &random) {
                    text += Array((words.randomElement(using: &random) ?? "").utf8)
                } else {
                    text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
                }
            }
            try checkWhatParses(text, seed)
        }
    }

    @Test(
        .enabled(if: Corpus.isPresent, "the corpus is not beside the repository"),
        arguments: [11, 12] as [UInt64]
    )
    func `no damaged file traps`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let hostile = Array(" ;{}\"'\\#$\n\r".utf8)
        for sample in try Corpus.everything() where !sample.bytes.isEmpty && sample.bytes.count < 20_000 {
            for _ in 0..<4 {
                var text = sample.bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
                    let place = Int.random(in: 0..<text.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: text.remove(at: place)
                    case 1: text.insert(hostile.randomElement(using: &random) ?? 0, at: place)
                    default: text.removeSubrange(place...)
                    }
                }
                try checkWhatParses(text, seed)
            }
        }
    }

    private func checkWhatParses(_ text: [UInt8], _ seed: UInt64) throws {
        guard var parsed = try? NginxConfiguration(parsing: text) else { return }
        let isSame = parsed.bytes == text
        #expect(isSame, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        for upstream in parsed.upstreamNames.flatMap({ parsed.upstreams(named: $0) }) {
            parsed.set(upstream.servers.map { ($0.index, .weight(5)) }, in: upstream.handle)
            let edited = try #require(
                parsed.upstreams(named: upstream.name).first { $0.handle == upstream.handle }
            )
            let isSet = edited.servers.allSatisfy { $0.weight == 5 && !$0.isDown }
            let isKept = edited.servers.map(\.address) == upstream.servers.map(\.address)
            #expect(isSet && isKept, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        }
    }
}
