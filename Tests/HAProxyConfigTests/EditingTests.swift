import Testing

@testable import HAProxyConfig

struct EditingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let server: String
        let weight: Int
        let expected: String

        init(_ server: String, _ weight: Int, _ expected: String) {
            self.server = server
            self.weight = weight
            self.expected = expected
        }

        var testDescription: String { "\(server) \(weight)" }
    }

    @Test(arguments: [
        Case("server s 1:1", 3, "server s 1:1 weight 3"),
        Case("server s 1:1", 0, "server s 1:1 weight 0"),
        Case("server s 1:1", 1, "server s 1:1"),
        Case("server s 1:1 check # weight 50", 3, "server s 1:1 weight 3 check # weight 50"),
        Case("\tserver\ts\t1:1\tcheck", 3, "\tserver\ts\t1:1 weight 3\tcheck"),
        Case("server s 1:1#x", 3, "server s 1:1 weight 3#x"),
        Case("server s 1:1 weight 5 check", 256, "server s 1:1 weight 256 check"),
        Case("server s 1:1 weight 5 check", 5, "server s 1:1 weight 5 check"),
        Case("server s 1:1 weight \"5\" check", 6, "server s 1:1 weight \"6\" check"),
        Case("server s 1:1 weight '5'", 6, "server s 1:1 weight '6'"),
        Case("server s 1:1 weight 5 weight 6", 7, "server s 1:1 weight 7 weight 7"),
        Case("server s 1:1 weight \"${W}\"", 7, "server s 1:1 weight \"7\""),
        Case("server s 1:1 cookie weight id weight", 7, "server s 1:1 weight 7 cookie weight id weight"),
        Case("server s 1:1\\", 7, "server s 1:1\\\\ weight 7"),
        Case("server s 1:1\\\\", 7, "server s 1:1\\\\ weight 7"),
        Case("server s 1:1 weight", 7, "server s 1:1 weight 7"),
        Case("server s 1:1 weight # 3", 1, "server s 1:1 weight 1 # 3"),
        Case("server s 1:1 weight \"\" weight 5", 7, "server s 1:1 weight 7 \"\" weight 5"),
        Case("server s 1:1 weight half", 7, "server s 1:1 weight 7"),
        Case("server s 1:1 weight +7", 7, "server s 1:1 weight +7"),
        Case("server s 1:1 weight \" 7\"", 7, "server s 1:1 weight \"7\""),
        Case("server weight weight", 7, "server weight weight weight 7"),
        Case("server 's' \"1:1\" \\# check", 7, "server 's' \"1:1\" weight 7 \\# check"),
        Case("server s 1:1\\\tcheck", 7, "server s 1:1\\\\ weight 7\tcheck"),
        Case("server s 1:1 \"\" weight 5", 7, "server s 1:1 weight 7 \"\" weight 5"),
        Case("server s 1:1 \r weight 5", 7, "server s 1:1 \r weight 7"),
        Case("server s 1:1 w\\x65ight 5", 7, "server s 1:1 w\\x65ight 7"),
        Case("server s 1:1 \"${X}\"", 7, "server s 1:1 weight 7 \"${X}\""),
        Case("server s 1:1 \"${X}\"", 1, "server s 1:1 \"${X}\""),
        Case("server s 1:1 \"${X}\" weight 5", 7, "server s 1:1 weight 7 \"${X}\" weight 7"),
        Case("server s 1:1 weight 5 \"$X\"", 7, "server s 1:1 weight 7 \"$X\""),
        Case("server s 1:1 sni \"$X\" weight 5", 7, "server s 1:1 sni \"$X\" weight 7"),
        Case("server s 1:1 \"${X[*]}\" # c", 1, "server s 1:1 weight 1 \"${X[*]}\" weight 1 # c"),
        Case("server s 1:1 weight 5 \"${X[*]}\"", 7, "server s 1:1 weight 7 \"${X[*]}\" weight 7"),
    ])
    func `only the weight words change`(sample: Case) throws {
        for end in ["\n", "\r\n"] {
            let head = "# head" + end + "backend app" + end + " server first 1:1 weight 9" + end
            let tail = end + " server last 1:1 # no line feed"
            var parsed = try configuration(head + sample.server + tail)
            let backend = try #require(parsed.backends(named: "app").first)
            parsed.set([(1, sample.weight)], in: backend.handle)
            #expect(String(decoding: parsed.bytes, as: UTF8.self) == head + sample.expected + tail)

            let once = parsed.bytes
            parsed.set([(1, sample.weight)], in: backend.handle)
            #expect(parsed.bytes == once, "setting the same again changed something")
            #expect(parsed.backends(named: "app").first?.servers[1].effectiveWeight == sample.weight)
        }
    }

    @Test func `with a default-server that another section begins from`() throws {
        var parsed = try configuration(
            "defaults a\n default-server weight 10\ndefaults b from a\nbackend c from b\n server s 1:1\n"
        )
        let backend = try #require(parsed.backends(named: "c").first)
        parsed.set([(0, 1)], in: backend.handle)
        #expect(String(decoding: parsed.bytes, as: UTF8.self).hasSuffix(" server s 1:1 weight 1\n"))
    }

    @Test func `with a default-server the weight is always written`() throws {
        var parsed = try configuration("backend a\n default-server weight 10\n server s 1:1\n server t 1:1\n")
        let backend = try #require(parsed.backends(named: "a").first)
        parsed.set([(1, 10), (0, 1)], in: backend.handle)
        #expect(
            String(decoding: parsed.bytes, as: UTF8.self)
                == "backend a\n default-server weight 10\n server s 1:1 weight 1\n server t 1:1 weight 10\n"
        )
    }
}
