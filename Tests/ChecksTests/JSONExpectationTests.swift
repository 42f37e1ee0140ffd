@testable import Checks
import DeployPorts
import HTTPClient
import Testing

@Suite struct JSONExpectationTests {
    private static let document = #"""
        {"status":"healthy","version":"v2.5.0","n":1.10,"big":9007199254740993,"zero":0,"text":"99","flag":true,
         "nothing":null,"huge":1e999,"nan":"NaN","list":[1,{"a":2,"b":3}],"db":{"pool":{"size":5,"used":2}},
         "a.b":"dotted"}
        """#

    private func mismatches(_ text: String) throws -> [Mismatch] {
        let diagnostics = Diagnostics()
        let value = FlowText.parameter(text)
        let reader = MapReader(value, "`expect`", diagnostics: diagnostics)
        let expectation = try #require(JSONExpectation.read(value, "json", with: reader))
        try #require(diagnostics.all.isEmpty, "\(diagnostics.all)")
        let document = try JSONDocument(Array(Self.document.utf8))
        let values = Values(plain: ["version": "v2.5.0", "steps.x.n": "1.10", "hostile": "< 5"])
        return try expectation.mismatches(in: document.root, at: "", values: values)
    }

    @Test(arguments: [
        "{ status: healthy }", "{ version: ${version} }", #"{ version: "v2.5.0", status: "healthy" }"#,
        "{ n: 1.1 }", "{ n: 1.10 }", "{ n: 11e-1 }", "{ big: 9007199254740993 }", #"{ text: "99" }"#,
        "{ flag: true }", "{ nothing: null }", "{ nothing: ~ }", #"{ n: "< 2" }"#, #"{ n: "<= 1.1" }"#,
        #"{ n: ">= 1.1" }"#, #"{ n: "> 1" }"#, #"{ n: "!= 1" }"#, #"{ n: "== 1.1" }"#,
        #"{ zero: "< 0.001" }"#,
        #"{ n: "<2" }"#, "{ db.pool.size: 5 }", "{ db: { pool: { used: 2 } } }",
        #"{ db: { pool.used: "< 3" } }"#,
        "{ list: [1, { a: 2 }] }", "{ list[1].b: 3 }", #"{ '["a.b"]': dotted }"#, "{ n: ${steps.x.n} }",
    ])
    func `an answer that is as expected passes`(expected: String) throws {
        #expect(try mismatches(expected) == [])
    }

    @Test(arguments: [
        ("{ status: degraded }", #"json status "degraded""#, #""healthy""#),
        ("{ n: 2 }", "json n 2", "1.10"),
        ("{ big: 9007199254740992 }", "json big 9007199254740992", "9007199254740993"),
        ("{ text: 99 }", "json text 99", #"the text "99""#),
        (#"{ n: "1.10" }"#, #"json n "1.10""#, "the number 1.10"),
        (#"{ flag: "true" }"#, #"json flag "true""#, "true"),
        ("{ flag: false }", "json flag false", "true"),
        ("{ nothing: 0 }", "json nothing 0", "null"),
        (#"{ n: "< 1" }"#, "json n < 1", "the number 1.10"),
        (#"{ text: "< 100" }"#, "json text < 100", #"the text "99", which is not a number"#),
        (#"{ nan: "!= 5" }"#, "json nan != 5", #"the text "NaN", which is not a number"#),
        (#"{ huge: "> 5" }"#, "json huge > 5", "the number 1e999"),
        (#"{ nothing: "< 5" }"#, "json nothing < 5", "null, which is not a number"),
        (#"{ zero: ${hostile} }"#, #"json zero "< 5""#, "the number 0"),
        (
            "{ missing: 1 }", "json missing",
            "the answer has no key `missing`; it has a.b, big, db, flag, huge, list, n, nan, …"
        ),
        ("{ db.pool: 5 }", "json db.pool 5", "an object"),
        ("{ db: { pool: { used: 3 } } }", "json db.pool.used 3", "2"),
        ("{ list: [1] }", "json list a list of 1", "a list of 2"),
        ("{ list: [1, { a: 9 }] }", "json list[1].a 9", "2"),
        ("{ status: { a: 1 } }", "json status.a", #"the answer is the text "healthy", it has no key `a`"#),
    ])
    func `an answer that is not as expected says what came`(
        expected: String,
        wanted: String,
        answered: String
    ) throws {
        #expect(try mismatches(expected) == [Mismatch(wanted, answered)])
    }

    @Test func `all that is not as expected is named, not only the first`() throws {
        #expect(try mismatches(#"{ status: x, n: "> 9", flag: true, missing: 1 }"#).count == 3)
    }
}
