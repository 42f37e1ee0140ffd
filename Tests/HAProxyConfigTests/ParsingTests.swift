import Testing

@testable import HAProxyConfig

func configuration(_ text: String) throws -> HAProxyConfiguration {
    try HAProxyConfiguration(parsing: Array(text.utf8))
}

struct ParsingTests {
    @Test(arguments: [
        "", "\n", "# only", "backend a\n  server s 1:1 # x 'y\n", "backend a\r\n server s 1:1\r\n",
        "\u{0B}global\n",
        "global\n log stdout format \"a 'b\" 'c \"d' e\\ f \\\"\n", ".if 1\nbackend a\n.endif\n",
        "listen a\n bind :1",
        "frontend f\n http-request return string '{{\"a\":1}}' \\\n",
    ])
    func `what HAProxy reads comes back byte for byte`(text: String) throws {
        #expect(try configuration(text).bytes == Array(text.utf8))
    }

    @Test(arguments: [
        ("\u{FEFF}global\n", 1, 1, "byte order mark"),
        ("global\n a 'b\n'\n", 2, 4, "quote"),
        ("global\n a \"b 'c\n", 2, 4, "quote"),
        ("backend a\n server s 1:1 \0\n", 2, 15, "NUL"),
        ("backend {{ name }}\n", 1, 9, "template"),
        ("backend a\n {% for s in servers %}\n", 2, 2, "template"),
        ("backend a\n server {{ name }} {{ address }}\n", 2, 9, "template"),
    ])
    func `what HAProxy refuses is an error with its place`(
        text: String,
        line: Int,
        column: Int,
        words: String
    ) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(text) }
        #expect(error?.line == line)
        #expect(error?.column == column)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `backends are backend and listen sections, not peers, rings or frontends`() throws {
        let text = """
            peers app
              server no 1:1
            ring app
              server no 1:1
            frontend app
              default_backend app
            backend app # server no 1:1
              # server no 1:1
              server blue 127.0.0.1:1 check weight 5 weight 7 backup # weight 9
            \tserver\t"gre"en\tunix@/run/x disabled cookie weight
            listen app
              server-template s 1-3 a:1
              balance leastconn
            backend "a b"

            """
        let parsed = try configuration(text)
        #expect(parsed.backendNames == ["app", "app", "a b"])
        let both = parsed.backends(named: "app")
        #expect(both.map(\.line) == [7, 11])
        #expect(both[0].servers.map(\.name) == ["blue", "green"])
        #expect(both[0].servers.map(\.address) == ["127.0.0.1:1", "unix@/run/x"])
        #expect(both[0].servers.map(\.weight) == [7, nil])
        #expect(both[0].servers.map(\.effectiveWeight) == [7, 1])
        #expect(both[0].servers.map(\.isBackup) == [true, false])
        #expect(both[0].servers.map(\.isDisabled) == [false, true])
        #expect(both[0].servers.map(\.line) == [9, 10])
        #expect(both[0].balance == nil && !both[0].hasServerTemplate)
        #expect(both[1].balance == "leastconn" && both[1].hasServerTemplate && both[1].servers.isEmpty)
    }

    @Test(arguments: [
        ("server s a:1 \r weight 5\n", "s a:1 5"),
        ("server s a:1\r weight 5\n", "s a:1 -"),
        ("\r server s a:1 weight 5\r\n", "s a:1 5"),
        ("server s a:1\\\tweight 5\n", "s a:1\\ 5"),
        ("server s a:1\\ weight 5\n", "s a:1 weight -"),
        ("server s a:1 \"\" weight 5\n", "s a:1 -"),
        ("server s a:1 weight\n", "s a:1 0"),
        ("server s a:1 weight half\n", "s a:1 0"),
        ("server s a:1 weight \" +5%\"\n", "s a:1 5"),
        ("server s a:1 weight -5\n", "s a:1 -"),
        ("server s a:1 ''\"\" weight 5\n", "s a:1 -"),
        ("server s '' a:1\n", nil),
        ("\"\" server s a:1\n", nil),
        ("\"ser\"ver s a:1 w\\x65ight \\x35\n", "s a:1 5"),
        ("server s\\ t a:1\\#2 weight 5#6\n", "s t a:1#2 5"),
        ("server '\\$x' \"\\$a\" weight '5'\n", "\\$x $a 5"),
        ("server s \\$a:\\xzz weight\t5\u{0B}backup\n", "s \\$a:\\xzz 5"),
    ])
    func `words are those of HAProxy`(line: String, expected: String?) throws {
        let server = try configuration("backend a\n" + line).backends(named: "a")[0].servers.first
        let words = server.map { "\($0.name) \($0.address) \($0.weight.map(String.init) ?? "-")" }
        #expect(words == expected)
    }

    @Test func `defaults can begin from others`() throws {
        let text = """
            defaults one
              default-server weight 20
              balance source
            defaults two from one
              balance first
            defaults three
            backend a from two
              server s 1:1
            backend from
              server s 1:1

            """
        let parsed = try configuration(text)
        let a = try #require(parsed.backends(named: "a").first)
        #expect(a.servers[0].effectiveWeight == 20 && a.balance == "first")
        let last = try #require(parsed.backends(named: "from").first)
        #expect(last.servers[0].effectiveWeight == 1 && last.balance == nil)
    }

    @Test func `defaults and default-server lines give what a server does not say`() throws {
        let text = """
            defaults one
              balance source
              default-server weight 20 backup
            defaults two
              balance first
            backend a from one
              server s 1:1
              default-server weight 30 no-backup
              server t 1:1
              server u 1:1 weight "50%"
              server v 1:1 weight "${W}"
              default-server from none
              server w 1:1
            backend b
              server s 1:1
            .if defined(X)
              server t 1:1
            .endif

            """
        let parsed = try configuration(text)
        let a = try #require(parsed.backends(named: "a").first)
        #expect(a.balance == "source")
        #expect(a.servers.map(\.effectiveWeight) == [20, 30, 50, 1, 1])
        #expect(a.servers.map(\.weight) == [nil, nil, 50, nil, nil])
        #expect(a.servers.map(\.isBackup) == [true, false, false, false, false])
        let b = try #require(parsed.backends(named: "b").first)
        #expect(b.balance == "first")
        #expect(b.servers.map(\.effectiveWeight) == [1, 1])
        #expect(b.servers.map(\.isConditional) == [false, true])
    }
}
