import Testing
import TrafficJudgement

@testable import MetricSources

@Suite struct HAProxyLogLineTests {
    /// What HAProxy 2.6 wrote.
    static let plain =
        #"127.0.0.1:58064 [21/Nov/2026:10:42:06.879] fe app/blue 0/2/1/7/90 200 50 - - ---- 1/1/0/0/0 0/0 "GET /x HTTP/1.1""#

    @Test(
        arguments: [
            (plain, "app/blue", 200, 10.0, 0, false),
            ("<134>Nov 21 10:42:06 haproxy[123]: " + plain, "app/blue", 200, 10, 0, false),
            ("Nov 21 10:42:06 host haproxy[123]: [::1]" + plain, "app/blue", 200, 10, 0, false),
            (
                #"127.0.0.1:1 [21/Nov/2026:10:42:06.879] fe~ app/green 0/0/-1/-1/3004 503 217 - - SC-- 1/1/0/0/3 0/0 "GET / HTTP/1.1""#,
                "app/green", 503, nil, 3, false
            ),
            (
                #"127.0.0.1:1 [21/Nov/2026:10:42:06.879] fe app/blue 0/0/0/1/+1 200 +50 - - ---- 1/1/0/0/+1 0/0 {a b|c} "GET / HTTP/1.1""#,
                "app/blue", 200, 1, 1, true
            ),
            (
                #"127.0.0.1:1 [21/Nov/2026:10:42:06.879] fe fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>""#,
                "fe/<NOSRV>", 400, nil, 0, false
            ),
            (
                #"127.0.0.1:1 [21/Nov/2026:10:42:06.879] fe app/green 0/0/0/-1/300 -1 0 - - CH-- 1/1/0/0/0 0/0 "GET / HTTP/1.1""#,
                "app/green", nil, nil, 0, false
            ),
            // Our own format.
            (
                #"{"sv":"app/blue","st":200,"tw":2,"tc":1,"tr":7,"rc":"+2"}"#, "app/blue", 200, 10, 2, true
            ),
        ] as [(String, String, Int?, Double?, Int, Bool)]
    )
    func `is read`(
        text: String,
        server: String,
        status: Int?,
        milliseconds: Double?,
        retries: Int,
        isRedispatched: Bool
    ) throws {
        let line = try #require(Self.parse(Array(text.utf8)))
        #expect(line.server == server)
        #expect(line.status == status)
        #expect(line.milliseconds == milliseconds)
        #expect(line.retries == retries)
        #expect(line.isRedispatched == isRedispatched)
    }

    @Test(arguments: [
        "", "nonsense", "{}", "[", "[21/Nov/2026", "[21/Nov/2026:10:42:06.879]",
        "[21/Nov/2026:10:42:06.879] fe app/blue",
        // `option tcplog` has three times and no status.
        "127.0.0.1:1 [21/Nov/2026:10:42:06.879] fe app/blue 1/0/5 212 -- 1/1/1/1/0 0/0",
        #"{"sv":"app/blue","st":200,"tw":2,"tc":1,"tr":7}"#,
    ])
    func `is refused`(text: String) { #expect(Self.parse(Array(text.utf8)) == nil) }

    @Test func `no cut and no changed byte brings the reader down`() {
        for text in [Self.plain, #"{"sv":"app/blue","st":200,"tw":2,"tc":1,"tr":7,"rc":"+2"}"#] {
            let bytes = Array(text.utf8)
            for end in bytes.indices {
                _ = Self.parse(Array(bytes[..<end]))
                for replacement in Array("\"\\{}[],: 9/+-".utf8) {
                    var changed = bytes
                    changed[end] = replacement
                    _ = Self.parse(changed)
                }
            }
        }
    }

    @Test func `a tally keeps to its backends and to what a server did itself`() {
        var tally = HAProxyLogTally(backends: ["app"])
        for text in [
            Self.plain, Self.plain.replacing("app/", with: "other/"),
            Self.plain.replacing("app/blue", with: "app/<NOSRV>"),
            // Its first try failed; the wait for another server says nothing about this one.
            Self.plain.replacing("1/1/0/0/0", with: "1/1/0/0/1"),
            Self.plain.replacing("1/1/0/0/0", with: "1/1/0/0/+1"),
            Self.plain.replacing(" 200 ", with: " 101 "), "nonsense",
        ] {
            Array(text.utf8).withUnsafeBufferPointer { tally.add($0) }
        }
        let harvest = tally.drain()
        #expect(harvest.lines == 7 && harvest.unparsed == 1 && harvest.example == "nonsense")
        #expect(Array(harvest.servers.keys) == ["app/blue"])
        #expect(harvest.servers["app/blue"]?.retried == 1)
        #expect(harvest.servers["app/blue"]?.latencies.count == 2)
        #expect(tally.drain().lines == 0)
    }

    private static func parse(_ bytes: [UInt8]) -> HAProxyLogLine? {
        bytes.withUnsafeBufferPointer { HAProxyLogLine($0) }
    }
}
