import Playbooks
import Testing

/// Texts that are made to hurt: each is refused, at its place, at once.
@Suite(.serialized) struct HostileTextTests {
    struct Attack: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let place: String
        let words: String

        var testDescription: String { name }
    }

    /// Unoptimised code is ten times as slow.
    #if DEBUG
    static let limit = Duration.seconds(1)
    #else
    static let limit = Duration.milliseconds(100)
    #endif

    static let bomb = (0..<10).map { level in
        let item = level == 0 ? "x" : "*a\(level - 1)"
        return "a\(level): &a\(level) [\(Array(repeating: item, count: 9).joined(separator: ","))]"
    }.joined(separator: "\n")

    static let attacks = [
        Attack(name: "alias bomb", text: bomb, place: "1:5", words: "anchors"),
        Attack(
            name: "alias bomb as a key",
            text: "a: 1\n" + bomb + "\n? *a9\n: 1\n",
            place: "2:5",
            words: "anchors"
        ),
        Attack(name: "alias", text: "a: *b\n", place: "1:4", words: "aliases"),
        Attack(name: "anchor in a list", text: "a: [x, &y z]\n", place: "1:8", words: "anchors"),
        Attack(
            name: "anchor after a text of several lines",
            text: "a: x\n  y 'z\nb: &c 1\n",
            place: "3:4",
            words: "anchors"
        ),
        Attack(
            name: "anchor after a block text",
            text: "a: |\n  &x 'y\n\n  z\nb: &c 1\n",
            place: "5:4",
            words: "anchors"
        ),
        Attack(
            name: "anchor after a block text with an indent",
            text: "a:\n  - |2-\n      &x '\n  - &c 1\n",
            place: "4:5",
            words: "anchors"
        ),
        Attack(
            name: "anchor after a quoted text",
            text: "a: \"\\\" # '\" # '\nb: 'it''s' \nc: &c 1\n",
            place: "3:4",
            words: "anchors"
        ),
        Attack(name: "tag", text: "a: !!binary eA==\n", place: "1:4", words: "tags"),
        Attack(name: "tag on a key", text: "!!str a: b\n", place: "1:1", words: "tags"),
        Attack(name: "directive", text: "%YAML 1.1\n---\na: b\n", place: "1:1", words: "directives"),
        Attack(
            name: "20,000 brackets",
            text: String(repeating: "[", count: 20_000),
            place: "1:65",
            words: "nested"
        ),
        Attack(
            name: "20,000 braces",
            text: String(repeating: "{a: ", count: 20_000),
            place: "1:257",
            words: "nested"
        ),
        Attack(
            name: "20,000 dashes",
            text: String(repeating: "- ", count: 20_000),
            place: "1:129",
            words: "nested"
        ),
        Attack(
            name: "20,000 questions",
            text: String(repeating: "? ", count: 20_000),
            place: "1:129",
            words: "nested"
        ),
        Attack(
            name: "a staircase",
            text: (0..<400).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            place: "65:66",
            words: "nested"
        ),
        Attack(
            name: "100,000 values",
            text: "a: [" + String(repeating: "x,", count: 100_000) + "x]",
            place: "1:21002",
            words: "10,000 values"
        ),
        Attack(
            name: "10,001 values",
            text: "a: [" + String(repeating: "x,", count: 9_990) + "x]\nb: [1,2,3,4,5,6,7,8,9,0]",
            place: "2:13",
            words: "10,000 values"
        ),
        Attack(
            name: "300 KiB",
            text: String(repeating: "# x\n", count: 76_800),
            place: "1:1",
            words: "256 KiB"
        ),
        Attack(
            name: "a byte order mark",
            text: "\u{FEFF}service: a\n",
            place: "1:1",
            words: "byte order mark"
        ),
        Attack(name: "a control character", text: "service: a\u{1B}[2J\n", place: "1:11", words: "U+001B"),
        Attack(name: "NUL", text: "service: a\u{0}\n", place: "1:11", words: "U+0000"),
        Attack(
            name: "a line end of YAML's own",
            text: "a: b # x\u{2028}c: &d e\n",
            place: "1:9",
            words: "line end"
        ),
        Attack(name: "NEL", text: "a: b # x\u{85}c: &d e\n", place: "1:9", words: "control"),
        Attack(name: "right to left", text: "# \u{202E}\na: b\n", place: "1:3", words: "direction"),
        Attack(name: "nothing", text: "", place: "1:1", words: "empty"),
        Attack(name: "comments only", text: "# a\n", place: "1:1", words: "empty"),
        Attack(name: "two documents", text: "a: b\n---\nc: d\n", place: "2:1", words: "one document"),
        Attack(name: "a list", text: "- a\n", place: "1:1", words: "mapping of keys"),
        Attack(name: "a text", text: "a\n", place: "1:1", words: "mapping of keys"),
    ]

    @Test(arguments: attacks)
    func `a hostile text is refused at its place in a moment`(_ attack: Attack) {
        var found: [String] = []
        // The best of three: the others may have waited for a busy machine.
        let times = (0..<3).map { _ in ContinuousClock().measure { found = Book.mistakes(in: attack.text) } }
        let time = times.min() ?? .zero
        let first = found.first ?? "nothing"
        #expect(first.hasPrefix("book.yml:\(attack.place): ") && first.contains(attack.words), "\(first)")
        #expect(time < Self.limit, "\(time)")
    }

    @Test func `bytes that are no UTF-8 are refused with their line`() {
        expect(Book.mistakes(in: Array("a: b\nc: ".utf8) + [0xFF, 0xFE, 0x0A]), [("2:1", ["UTF-8"])])
        expect(Book.mistakes(in: [0xFF, 0xFE, 0x61, 0x00]), [("1:1", ["UTF-16"])])
    }

    @Test(arguments: [
        ("a: b\n<<: { c: d }\n", "2:1", "merge keys"),
        ("{a: b}: c\n", "1:1", "a key must be"),
        ("? [a]\n: c\n", "1:3", "a key must be"),
        ("a: b\nb:\n\t- c\n", "3:1", "tab"),
        ("a: b: c\n", "1:5", "second `:`"),
        ("a: [b, c\nd: e\n", "2:2", "not closed"),
        ("a: 'b\n", "2:1", "quotes"),
        ("a: @b\n", "1:4", "`@`"),
        ("a:\n  b: 1\n c: 2\n", "3:2", "indented"),
    ])
    func `what is no YAML of ours is said in plain words`(_ text: String, _ place: String, _ words: String) {
        let found = Book.mistakes(in: text)
        let isSaid = found.contains { $0.hasPrefix("book.yml:\(place): ") && $0.contains(words) }
        #expect(isSaid, "\(found)")
    }

    @Test func `every key that is given twice is reported with both places`() {
        let text =
            Book.base + """
                service: a
                "service": b
                prepare:
                  - { run: [a], name: x, name: y }
                monitor: { for: 1m, 'for': 2m }
                drian: {}

                """
        expect(
            Book.mistakes(in: text),
            [
                ("8:1", ["`service`", "line 1, column 1"]), ("9:1", ["`service`", "line 1, column 1"]),
                ("11:26", ["`name`", "line 11, column 17"]), ("12:21", ["`for`", "line 12, column 12"]),
                ("13:1", ["drain"]),
            ]
        )
    }

    @Test func `a thousand doubled keys end at once`() {
        let text = (0..<1000).map { "k\($0): 1\nk\($0): 2\n" }.joined()
        var found: [String] = []
        let time = ContinuousClock().measure { found = Book.mistakes(in: text) }
        #expect(found.count >= 1 && found.allSatisfy { $0.contains("twice") })
        #expect(time < .seconds(10), "\(time)")
    }

    @Test func `a damaged playbook ends in a playbook or in complaints`() throws {
        var random = SeededRandom(seed: 7)
        let samples = try ["quickstart.yml", "canary.yml"].map {
            Array(try SamplePlaybookTests.sample($0).utf8)
        }
        let signs = Array("[]{},:-?&*!|>'\"%@#\n\t $\\\u{E9}".utf8)
        for round in 0..<300 {
            var bytes = samples[round % 2]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(signs.randomElement(using: &random) ?? 0, at: place)
                default: bytes[place] = signs.randomElement(using: &random) ?? 0
                }
            }
            let result = Playbook.load(bytes: bytes, path: "book.yml", catalogue: StubCatalogue.catalogue)
            guard case .failure(let error) = result else { continue }
            #expect(!error.diagnostics.isEmpty, "seed 7, round \(round)")
            #expect(error.lines.allSatisfy { $0.hasPrefix("book.yml:") }, "seed 7, round \(round)")
        }
    }
}

/// SplitMix64.
private struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
