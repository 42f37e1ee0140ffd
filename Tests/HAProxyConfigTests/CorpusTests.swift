import Testing

@testable import HAProxyConfig

struct CorpusTests {
    @Test(.enabled(if: Corpus.isPresent, "the corpus is not beside the repository"))
    func `every real file comes back byte for byte`() throws {
        let samples = try Corpus.everything()
        #expect(samples.count > 100)
        for sample in samples {
            let isSame = try HAProxyConfiguration(parsing: sample.bytes).bytes == sample.bytes
            #expect(isSame, "\(sample.name)")
        }
    }

    @Test(.enabled(if: Corpus.isPresent, "the corpus is not beside the repository"))
    func `an edit of a real backend touches the weights of its servers alone`() throws {
        var backends = 0
        for sample in try Corpus.everything() {
            let before = try HAProxyConfiguration(parsing: sample.bytes)
            let all = Set(before.backendNames).sorted().flatMap { before.backends(named: $0) }
            for backend in all where !backend.servers.isEmpty {
                backends += 1
                try check(backend, of: before, in: sample.name)
            }
        }
        #expect(backends > 100)
    }

    private func check(_ backend: Backend, of before: HAProxyConfiguration, in file: String) throws {
        let place = "\(file): \(backend.name) in line \(backend.line)"
        let wanted = backend.servers.map { (server: $0.index, weight: $0.index * 37 % 257) }
        var after = before
        after.set(wanted, in: backend.handle)
        let isSame = masked(before, backend) == masked(after, backend)
        #expect(isSame, "\(place): more than the weights changed")
        let servers = try #require(after.backends(named: backend.name).first { $0.handle == backend.handle })
            .servers
        #expect(servers.map(\.effectiveWeight) == wanted.map(\.weight), "\(place)")
        var again = after
        again.set(wanted, in: backend.handle)
        let isIdempotent = again.bytes == after.bytes
        #expect(isIdempotent, "\(place): setting the same again changed something")
    }

    /// The text without the `weight N` words of the backend's servers and the blank before each.
    private func masked(_ configuration: HAProxyConfiguration, _ backend: Backend) -> [UInt8] {
        var text: [UInt8] = []
        var copied = 0
        for server in configuration.servers(of: backend.handle.section) {
            for number in server.parameters.weightWords {
                let start = configuration.words[number - 1].range.lowerBound - 1
                text += configuration.bytes[copied..<start]
                copied = configuration.words[number].range.upperBound
            }
        }
        return text + configuration.bytes[copied...]
    }
}

struct RandomTextTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `no text traps, and whatever parses comes back and can be edited`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("ab \t\r\n\"'\\#$.{}".utf8) + [0x0B, 0xEF, 0xFF]
        let words = [
            "\nbackend app\n", "\nserver s 1:1 weight 2 ", "\nserver t 1:1", ".if 1\n", "\n", " weight ",
            "\n.endif",
        ]
        for _ in 0..<1000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                if Int.random(in: 0..<3, using: &random) > 0 {
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
        let hostile = Array(" \"'\\#$\n\r{\0".utf8)
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
        guard var parsed = try? HAProxyConfiguration(parsing: text) else { return }
        let isSame = parsed.bytes == text
        #expect(isSame, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        for backend in parsed.backendNames.flatMap({ parsed.backends(named: $0) }) {
            parsed.set(backend.servers.map { ($0.index, 5) }, in: backend.handle)
            let edited = try #require(
                parsed.backends(named: backend.name).first { $0.handle == backend.handle }
            )
            let isSet = edited.servers.allSatisfy { $0.effectiveWeight == 5 }
            let isKept = edited.servers.map(\.address) == backend.servers.map(\.address)
            #expect(isSet && isKept, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        }
    }
}
