import HTTPClient
import Testing

@Suite struct JSONTests {
    @Test func `every kind of value is read, and numbers keep their text`() throws {
        let text =
            #" {"a":[1,-0.50,1e3,12345678901234567890],"b":{"c":"\u00e4\ud83d\ude00\n/"},"d":true,"e":null} "#
        let document = try JSONDocument(Array(text.utf8))
        #expect(try document.value(at: "a[1]") == .number("-0.50"))
        #expect(try document.value(at: "a[3]") == .number("12345678901234567890"))
        #expect(try document.value(at: "b.c") == .string("ä😀\n/"))
        #expect(try document.value(at: "d") == .bool(true))
        #expect(try document.value(at: "e") == .null)
        #expect(
            document.root.text
                == #"{"a":[1,-0.50,1e3,12345678901234567890],"b":{"c":"ä😀\n/"},"d":true,"e":null}"#
        )
    }

    @Test(arguments: [
        ("", 0), ("{", 1), ("[1,]", 3), ("{\"a\":1,}", 7), ("01", 1), ("1.", 2), (".5", 0), ("+1", 0),
        ("NaN", 0),
        ("Infinity", 0), ("-", 1), ("1e", 2), ("tru", 0), ("\"a", 2), ("\"\n\"", 2), ("\"\\x\"", 3),
        ("\"\\ud800\"", 7), ("\"\\u12g4\"", 3), ("{\"a\":1,\"a\":2}", 7), ("1 2", 2), ("{a:1}", 1),
        ("[1 2]", 3),
        ("// c\n1", 0), ("{\"a\" 1}", 5),
    ])
    func `what is not JSON is refused at its byte`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONDocument(Array(text.utf8)) }
        guard case .malformed(let found, _) = error else {
            Issue.record("\(text): \(String(describing: error))")
            return
        }
        #expect(found == offset, "\(error?.message ?? "")")
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONError.malformed(offset: 0, reason: "a text is not UTF-8")) {
            try JSONDocument([0x22, 0xC3, 0x28, 0x22])
        }
    }

    @Test func `a document may be deep, but not endlessly`() throws {
        let deep = { (levels: Int) in
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        _ = try JSONDocument(deep(60))
        let error = #expect(throws: JSONError.self) { try JSONDocument(deep(30_000)) }
        #expect(error?.message.contains("nested deeper than 64 levels") == true)
    }

    @Test(arguments: [
        ("a.x", "`a` has no key `x`; it has b, c.d"), ("z", "the answer has no key `z`; it has a, l"),
        ("l[2]", "`l` is a list of 2, it has no [2]"), ("l.x", "`l` is a list of 2, it has no key `x`"),
        ("a.b.c", "`a.b` is the number 1, it has no key `c`"), ("a[0]", "`a` is an object, it has no [0]"),
    ])
    func `a path that leads nowhere says where it ends`(path: String, message: String) throws {
        let document = try JSONDocument(Array(#"{"a":{"b":1,"c.d":2},"l":[1,[3]]}"#.utf8))
        #expect(throws: JSONError.missing(message)) { try document.value(at: path) }
    }

    @Test func `paths have keys, quoted keys and indexes`() throws {
        let document = try JSONDocument(Array(#"[{"c.d":[[7]]}]"#.utf8))
        #expect(try document.value(at: #"[0]["c.d"][0][0]"#) == .number("7"))
        for text in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a]b", "a[0]b", #"a["x]"#] {
            let error = #expect(throws: JSONError.self) { try JSONPath(text) }
            #expect(error?.message.contains("is not a path") == true, "\(text)")
        }
    }

    @Test func `a number too large to be one is no finite number`() {
        #expect(JSONValue.number("1e999").finiteNumber == nil)
        #expect(JSONValue.number("1.5").finiteNumber == 1.5)
        #expect(JSONValue.string("1.5").finiteNumber == nil)
    }
}
