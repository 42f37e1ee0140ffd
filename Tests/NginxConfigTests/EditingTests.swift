import Testing

@testable import NginxConfig

struct EditingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let server: String
        let weight: ServerWeight
        let expected: String

        init(_ server: String, _ weight: ServerWeight, _ expected: String) {
            self.server = server
            self.weight = weight
            self.expected = expected
        }

        var testDescription: String { "\(server) \(weight)" }
    }

    @Test(arguments: [
        Case("server a;", .weight(3), "server a weight=3;"),
        Case("server a;", .weight(1), "server a;"),
        Case("server a ;", .weight(3), "server a weight=3 ;"),
        Case("server a weight=2 max_fails=1;", .weight(3), "server a weight=3 max_fails=1;"),
        Case("server a weight=2 max_fails=1;", .weight(1), "server a weight=1 max_fails=1;"),
        Case("server a weight=2 weight=5;", .weight(3), "server a weight=3 weight=3;"),
        Case("server a weight=03;", .weight(3), "server a weight=03;"),
        Case("server a weight=0;", .weight(3), "server a weight=3;"),
        Case("server \"a\" \"weight=2\";", .weight(3), "server \"a\" \"weight=3\";"),
        Case("server 'a' 'weight=2';", .weight(3), "server 'a' 'weight=3';"),
        Case("server \"a\";", .weight(3), "server \"a\" weight=3;"),
        Case("server a down;", .weight(1), "server a;"),
        Case("server a down;", .weight(3), "server a weight=3;"),
        Case("server a down max_fails=0;", .weight(3), "server a max_fails=0 weight=3;"),
        Case("server a weight=2\tdown ;", .weight(3), "server a weight=3 ;"),
        Case("server a down down;", .weight(1), "server a;"),
        Case("server a 'down';", .weight(1), "server a;"),
        Case("server a # down\r\ndown;", .weight(2), "server a # down\r\n weight=2;"),
        Case("server a;", .down, "server a down;"),
        Case("server a down;", .down, "server a down;"),
        Case("server a weight=2;", .down, "server a weight=2 down;"),
        Case("server a \"down\" weight=2;", .down, "server a \"down\" weight=2;"),
        Case("server a backup;", .weight(2), "server a backup weight=2;"),
        Case(
            "server a # weight=9;\n weight=5 # was 3;\n ; # end",
            .weight(2),
            "server a # weight=9;\n weight=2 # was 3;\n ; # end"
        ),
        Case("server a x=y\\ ;", .weight(2), "server a x=y\\  weight=2;"),
        Case("server\r\n a\r\n;\r\n", .weight(2), "server\r\n a weight=2\r\n;\r\n"),
    ])
    func `only weight and down words change`(sample: Case) throws {
        let head = "# head\r\nupstream app {\n  server first weight=9; "
        let tail = "\n server last down; }\n# no line feed at the end"
        var parsed = try configuration(head + sample.server + tail)
        let upstream = try #require(parsed.upstreams(named: "app").first)
        parsed.set([(1, sample.weight)], in: upstream.handle)
        #expect(String(decoding: parsed.bytes, as: UTF8.self) == head + sample.expected + tail)

        let once = parsed.bytes
        parsed.set([(1, sample.weight)], in: upstream.handle)
        #expect(parsed.bytes == once, "setting the same again changed something")
        let server = try #require(parsed.upstreams(named: "app").first).servers[1]
        if case .weight(let weight) = sample.weight { #expect(server.weight == weight && !server.isDown) }
        if case .down = sample.weight { #expect(server.isDown) }
    }

    @Test func `several servers are set at once, in any order`() throws {
        var parsed = try configuration("upstream app{server a;server b down;server c weight=4;}")
        let upstream = try #require(parsed.upstreams(named: "app").first)
        parsed.set([(2, .down), (0, .weight(7)), (1, .weight(5)), (1, .weight(6))], in: upstream.handle)
        #expect(
            String(decoding: parsed.bytes, as: UTF8.self)
                == "upstream app{server a weight=7;server b weight=6;server c weight=4 down;}"
        )
        #expect(parsed.upstreams(named: "app").map(\.handle) == [upstream.handle])
    }

    // A second or two of work; looking back to the line's start for each server would be many minutes.
    @Test(.timeLimit(.minutes(3)))
    func `the servers of a long line are edited in time proportional to their number`() throws {
        let servers = (0..<60_000).map { "server 10.0.0.1:\($0);" }.joined()
        var parsed = try configuration("upstream app{\(servers)}")
        let upstream = try #require(parsed.upstreams(named: "app").first)
        parsed.set(upstream.servers.map { ($0.index, .weight(2)) }, in: upstream.handle)
        let edited = try #require(parsed.upstreams(named: "app").first)
        #expect(edited.servers.count == 60_000 && edited.servers.allSatisfy { $0.weight == 2 })
    }

    @Test func `odd but valid text keeps everything else`() throws {
        let odd =
            "# head { not a block }\r\n" + "upstream  other{server 127.0.0.1:1;}upstream app{ # same line\n"
            + "\tzone app 64k ;\n"
            + "    server \"127.0.0.1:2\"   max_fails=2\n        fail_timeout=3s; # split over lines\n"
            + "    server 127.0.0.1:3 down;# no space\n" + "    keepalive 16; }\n"
            + "map $http_x $y { default \"a;b{}\"; '~^\\d+$' 'c'; }"
        var parsed = try configuration(odd)
        let upstream = try #require(parsed.upstreams(named: "app").first)
        parsed.set([(0, .weight(3)), (1, .weight(1))], in: upstream.handle)
        let expected =
            odd
            .replacing("fail_timeout=3s;", with: "fail_timeout=3s weight=3;")
            .replacing("127.0.0.1:3 down;", with: "127.0.0.1:3;")
        #expect(String(decoding: parsed.bytes, as: UTF8.self) == expected)
    }
}
