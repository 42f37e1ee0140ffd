import HTTPClient
import Testing

@testable import RedisClient

@Suite struct RedisReplyTests {
    private static let whole: [(String, RedisReply)] = [
        ("+OK\r\n", .text("OK")),
        ("-ERR no\r\n", .error("ERR no")),
        (":-12\r\n", .integer(-12)),
        ("$5\r\na\r\nbc\r\n", .text("a\r\nbc")),
        ("$0\r\n\r\n", .text("")),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("*0\r\n", .list([])),
        ("*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n", .list([.text("a"), .list([.integer(1), .null])])),
    ]

    @Test(arguments: whole)
    func `a reply is read however it is cut`(text: String, reply: RedisReply) throws {
        let bytes = Array(text.utf8)
        for size in 1...bytes.count {
            var reader = RedisReplyReader()
            var found: RedisReply?
            for start in stride(from: 0, to: bytes.count, by: size) {
                #expect(found == nil)
                found = try reader.take(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(found == reply)
        }
    }

    @Test(arguments: [
        (
            "HTTP/1.1 400 Bad Request\r\n",
            "the answer is not Redis: it begins with `HTTP/1.1 400 Bad Request\r\n`"
        ),
        ("+OK\n", "the answer is not Redis: it begins with `+OK\n`"),
        (":x\r\n", "the answer is not Redis: `x` is no number"),
        ("$99999999999\r\n", "the reply has a text of 99999999999 bytes; 1048576 are the limit"),
        ("*99999999999\r\n", "the reply has 99999999999 parts; 10000 are the limit"),
        (String(repeating: "*1\r\n", count: 100), "the reply has more than 10000 parts or 8 levels"),
    ])
    func `what is not a reply is named`(text: String, reason: String) {
        var reader = RedisReplyReader()
        #expect(throws: RedisReplyReader.Unreadable(reason: reason)) { try reader.take(Array(text.utf8)) }
    }

    @Test(
        arguments: [
            ("redis://h", "h:6379", nil, nil, 0), ("redis://h:1/2", "h:1", nil, nil, 2),
            ("redis://:p%40ss@h:1", "h:1", nil, "p@ss", 0),
            ("rediss://u:p:w@[::1]:2/0", "[::1]:2", "u", "p:w", 0),
            ("unix:///run/r.sock?db=3", "/run/r.sock", nil, nil, 3),
            ("unix://:p@/run/r.sock", "/run/r.sock", nil, "p", 0),
        ] as [(String, String, String?, String?, Int)]
    )
    func `an address is read`(
        url: String,
        place: String,
        user: String?,
        password: String?,
        database: Int
    ) throws {
        let address = try #require(RedisAddress(url))
        #expect(address.place == place)
        #expect(address.user == user)
        #expect(address.password == password)
        #expect(address.database == database)
        #expect(address.target.isSecure == url.hasPrefix("rediss"))
    }

    @Test(arguments: [
        "h:6379", "http://h", "redis://", "redis://h:0", "redis://h/x", "redis://user@h", "unix://run/r.sock",
        "redis://:%zz@h", "redis://h:1/-1",
    ])
    func `what is no address is none`(url: String) { #expect(RedisAddress(url) == nil) }
}
