import DeployCore
import DeployPorts
import Testing

struct MapReaderTests {
    private static func scalar(_ text: String, line: Int = 1) -> Parameter {
        .scalar(Parameter.Scalar(text: text, isQuoted: false, position: Position(line: line, column: 9)))
    }

    private static func map(_ entries: [(String, Parameter)]) -> Parameter {
        .map(
            entries.enumerated().map { index, entry in
                Parameter.Entry(
                    key: entry.0,
                    keyPosition: Position(line: index + 2, column: 3),
                    value: entry.1
                )
            },
            position: Position(line: 1, column: 1)
        )
    }

    private func reader(_ entries: [(String, Parameter)]) -> (MapReader, Diagnostics) {
        let diagnostics = Diagnostics()
        return (MapReader(Self.map(entries), "`http`", diagnostics: diagnostics), diagnostics)
    }

    @Test func `values come out in their types`() {
        var (reader, diagnostics) = reader([
            ("url", Self.scalar("http://a/${b}")), ("timeout", Self.scalar("1h30m")),
            ("share", Self.scalar("12.5%")), ("count", Self.scalar("7")), ("on", Self.scalar("true")),
            ("args", .list([Self.scalar("a"), Self.scalar("${b}")], position: .unknown)),
        ])
        #expect(reader.template("url")?.references.map(\.name) == ["b"])
        #expect(reader.span("timeout") == .minutes(90))
        #expect(reader.percent("share") == Percent(tenths: 125))
        #expect(reader.integer("count", in: 1...10) == 7)
        #expect(reader.flag("on") == true)
        #expect(reader.templates("args")?.map(\.source) == ["a", "${b}"])
        #expect(reader.text("absent") == nil)
        reader.finish()
        #expect(diagnostics.all == [])
    }

    @Test func `an unknown key is told with the nearest that exists`() {
        var (reader, diagnostics) = reader([("tiemout", Self.scalar("5s")), ("colour", Self.scalar("red"))])
        _ = reader.span("timeout")
        _ = reader.text("url")
        reader.finish(also: ["retry"])
        #expect(
            diagnostics.all.map(\.message) == [
                "`http` has no key `tiemout`; did you mean `timeout`?",
                "`http` has no key `colour`; it takes retry, timeout, url",
            ]
        )
        #expect(diagnostics.all.map(\.position.line) == [2, 3])
    }

    @Test func `a missing key is told at the mapping`() {
        var (reader, diagnostics) = reader([])
        #expect(reader.required("url") == nil)
        #expect(diagnostics.all == [Diagnostic(Position(line: 1, column: 1), "`http` needs the key `url`")])
    }

    @Test func `what is no mapping is told once`() {
        let diagnostics = Diagnostics()
        var reader = MapReader(Self.scalar("x"), "`http`", diagnostics: diagnostics)
        #expect(reader.optional("url") == nil)
        reader.finish()
        #expect(diagnostics.all.map(\.message) == ["`http` must be a mapping of keys to values, found `x`"])
    }

    @Test(arguments: [
        ("span", "5 parsecs"), ("percent", "101%"), ("integer", "11"), ("integer", "x"), ("flag", "yes"),
        ("template", "${"), ("list", "a"), ("text", "LIST"),
    ])
    func `a value of the wrong kind is told with what was expected`(kind: String, text: String) throws {
        let list = Parameter.list([], position: Position(line: 1, column: 9))
        var (reader, diagnostics) = reader([("key", text == "LIST" ? list : Self.scalar(text))])
        switch kind {
        case "span": #expect(reader.span("key") == nil)
        case "percent": #expect(reader.percent("key") == nil)
        case "integer": #expect(reader.integer("key", in: 1...10) == nil)
        case "flag": #expect(reader.flag("key") == nil)
        case "template": #expect(reader.template("key") == nil)
        case "list": #expect(reader.templates("key") == nil)
        default: #expect(reader.text("key") == nil)
        }
        let mistake = try #require(diagnostics.all.first)
        #expect(diagnostics.all.count == 1)
        #expect(mistake.message.hasPrefix("`key` "))
        #expect(mistake.position == Position(line: 1, column: 9))
        reader.finish()
        #expect(diagnostics.all.count == 1, "a key with a bad value is known all the same")
    }

    @Test func `the user's own names come in order`() {
        var (reader, diagnostics) = reader([("z", Self.scalar("1")), ("a", Self.scalar("2"))])
        #expect(reader.remaining.map(\.key) == ["z", "a"])
        #expect(reader.takeRest().map(\.key) == ["z", "a"])
        reader.finish()
        #expect(diagnostics.all == [])
    }
}
