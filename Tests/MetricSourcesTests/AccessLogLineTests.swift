import DeployCore
import Testing
import TrafficJudgement

@testable import MetricSources

@Suite struct AccessLogLineTests {
    @Test(
        arguments: [
            // What nginx 1.22 wrote, with its syslog header.
            (
                #"<190>Nov 21 04:41:56 bg: {"t":1795236116.001,"m":"GET","st":200,"rt":0.012,"ua":"127.0.0.1:9201, 127.0.0.1:9101","us":"502, 200","ut":"0.003, 0.009","ct":"-, 0.000","up":"","b":159,"id":"aa"}"#,
                200, "127.0.0.1:9201", 502, 3.0
            ),
            (#"{"st":200,"ua":"a:1","us":"200","ut":"1.234"}"#, 200, "a:1", 200, 1234),
            (#"{ "ut" : "0.001" , "us" : "500" , "ua" : "a:1" , "st" : 500 }"#, 500, "a:1", 500, 1),
            // Between upstream groups stands a colon.
            (#"{"st":200,"ua":"a:1 : b:2","us":"504 : 200","ut":"1.000 : 0.001"}"#, 200, "a:1", 504, 1000),
            (#"{"st":200,"ua":"unix:/run/a.sock","us":"200","ut":"0.5"}"#, 200, "unix:/run/a.sock", 200, 500),
            (#"{"st":200,"ua":"[::1]:80","us":"200","ut":"2"}"#, 200, "[::1]:80", 200, 2000),
            // Not answered; not proxied.
            (#"{"st":499,"ua":"a:1","us":"-","ut":"-"}"#, 499, "a:1", nil, nil),
            (#"{"st":301,"ua":"","us":"","ut":""}"#, 301, "", nil, nil),
            (#"{"st":200,"ua":"a:1","us":"200"}"#, 200, "a:1", 200, nil),
            // Unknown keys of every kind, and a header that tries to forge keys.
            (
                #"{"x":{"st":1,"y":["}",{"ua":"no"}]},"up":"\",\"ua\":\"evil:1","n":null,"st":200,"ua":"a:1","us":"200","ut":"0.001","f":-1.5e3}"#,
                200, "a:1", 200, 1
            ),
        ] as [(String, Int, String, Int?, Double?)]
    )
    func `is read`(text: String, status: Int, address: String, upstream: Int?, milliseconds: Double?) throws {
        let line = try #require(Self.parse(text))
        #expect(line.status == status)
        #expect(line.address == address)
        #expect(line.upstreamStatus == upstream)
        #expect(line.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "{", "{}", "garbage", #"127.0.0.1 - - "GET / HTTP/1.1" 200"#,
        #"{"st":200,"ua":"a:1"}"#, #"{"ua":"a:1","us":"200"}"#, #"{"st":"x","ua":"a:1","us":"200"}"#,
        // Cut off anywhere.
        #"{"st":200,"ua":"a:1","us":"200""#, #"{"st":200,"ua":"a:1","us":"200","ut":"0.0"#,
        #"{"st":200,"ua":"a:1","us":"200","ut"#, #"{"st":200,"ua":"a:1","us":"200","x":{"y":1"#,
        #"{"st":200,"ua":"a:1","us":"200\"#, #"{"st":200 "ua"}"#, #"{"st":99999999999,"ua":"a","us":"200"}"#,
    ])
    func `is refused`(text: String) {
        #expect(Self.parse(text) == nil)
    }

    @Test func `no cut and no flipped byte brings the reader down`() {
        let text =
            #"{"a":{"b":[1,"\"}"]},"st":200,"ua":"127.0.0.1:1, b:2","us":"502, 200","ut":"0.003, 0.1"}"#
        let bytes = Array(text.utf8)
        for end in bytes.indices {
            #expect(Self.parse(bytes[..<end]) == nil, "cut at \(end)")
            for replacement in Array("\"\\{}[],: 9".utf8) {
                var changed = bytes
                changed[end] = replacement
                _ = Self.parse(changed[...])
            }
        }
    }

    @Test(
        arguments: [
            // st, ua, us, ut → requests, errors, retried and abandoned of green, durations
            (200, "g:1", "200", "0.010", [1, 0, 0, 0], 1), (404, "g:1", "404", "0.010", [1, 0, 0, 0], 1),
            (500, "g:1", "500", "0.010", [1, 1, 0, 0], 1), (502, "g:1", "502", "-", [1, 1, 0, 0], 0),
            (504, "g:1", "-", "-", [1, 1, 0, 0], 0),
            // A retry on blue hides it from the client, not from us; one that failed too hides nothing.
            (200, "g:1, b:1", "502, 200", "0.001, 0.002", [1, 1, 1, 0], 1),
            (200, "g:1, b:1", "-, 200", "-, 0.002", [1, 1, 1, 0], 0),
            (200, "g:1 : b:1", "502 : 200", "0.001 : 0.002", [1, 1, 1, 0], 1),
            (502, "g:1, b:1", "502, 502", "0.001, 0.002", [1, 1, 0, 0], 1),
            (200, "b:1, g:1", "500, 200", "0.001, 0.002", [0, 0, 0, 0], 0),
            // The client left: without an answer no request, but it has waited so long.
            (499, "g:1", "-", "0.300", [0, 0, 0, 1], 1),
            (499, "g:1", "-", "-", [0, 0, 0, 1], 0), (499, "g:1", "200", "0.5", [1, 0, 0, 1], 1),
            (499, "g:1, b:1", "502, -", "0.001, -", [1, 1, 0, 1], 1),
            (101, "g:1", "101", "3600.000", [1, 0, 0, 0], 0), (301, "", "", "", [0, 0, 0, 0], 0),
            // All servers of a group are taken for dead: the group of green, and one not used before.
            (502, "greens", "502", "0.000", [1, 1, 0, 0], 1), (502, "both", "502", "0.000", [0, 0, 0, 0], 0),
        ] as [(Int, String, String, String, [Int], Int)]
    )
    func `a line counts for the server asked first`(
        status: Int,
        address: String,
        upstream: String,
        time: String,
        counts: [Int],
        durations: Int
    ) {
        var tally = Self.tally()
        Self.add(#"{"st":\#(status),"ua":"\#(address)","us":"\#(upstream)","ut":"\#(time)"}"#, to: &tally)
        let harvest = tally.drain()
        let green = harvest.samples[.green] ?? TrafficSample()
        #expect([green.requests, green.errors, green.retried, green.abandoned] == counts)
        #expect(green.latencies.count == durations)
        #expect(harvest.complaint == nil || address == "both")
        #expect(tally.drain().samples == [.blue: .init(), .green: .init()])
    }

    @Test func `lines that are all foreign are a complaint, single ones are not`() {
        var tally = Self.tally()
        Self.add(#"127.0.0.1 - "GET / HTTP/1.1" 200"#, to: &tally)
        #expect(
            tally.drain().complaint
                == #"1 of 1 lines are not in the log format `bg`, such as `127.0.0.1 - "GET / HTTP/1.1" 200`"#
        )
        Self.add(#"{"st":200,"ua":"x:9","us":"200"}"#, to: &tally)
        #expect(
            tally.drain().complaint == "1 requests went to other servers, such as x:9; known are b:1, g:1"
        )
        Self.add("nonsense", to: &tally)
        Self.add(#"{"st":200,"ua":"g:1","us":"200"}"#, to: &tally)
        #expect(tally.drain().complaint == nil)
    }

    @Test func `a group of both fails on the account of whom nginx asked last, over readings`() {
        var tally = Self.tally()
        Self.add(#"{"st":200,"ua":"b:1","us":"200"}"#, to: &tally)
        Self.add(#"{"st":502,"ua":"g:1","us":"502"}"#, to: &tally)
        _ = tally.drain()
        Self.add(#"{"st":502,"ua":"both","us":"502"}"#, to: &tally)
        let samples = tally.drain().samples
        #expect(samples[.green] == TrafficSample(requests: 1, errors: 1))
        #expect(samples[.blue] == TrafficSample())
    }

    private static func tally() -> LogTally {
        var groups: [String: EnvironmentName?] = ["greens": .green]
        groups.updateValue(nil, forKey: "both")
        return LogTally(
            owners: ["b:1": .blue, "g:1": .green],
            groups: groups,
            environments: [.blue, .green]
        )
    }

    private static func add(_ text: String, to tally: inout LogTally) {
        Array(text.utf8).withUnsafeBufferPointer { tally.add($0) }
    }

    private static func parse(_ text: String) -> AccessLogLine? { parse(Array(text.utf8)[...]) }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> AccessLogLine? {
        bytes.withUnsafeBufferPointer { AccessLogLine($0) }
    }
}
