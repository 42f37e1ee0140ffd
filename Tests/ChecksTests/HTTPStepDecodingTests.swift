import Checks
import DeployPorts
import HTTPClient
import Testing

@Suite struct HTTPStepDecodingTests {
    @Test(arguments: [
        ("/api/health", ["1:1: `http` must be a mapping of keys to values, found `/api/health`"]),
        ("{ }", ["1:1: `http` needs one of `get`, `post`, `put`, `patch`, `delete`, `head`"]),
        ("{ gte: /x }", ["1:3: `http` has no key `gte`; did you mean `get`?"]),
        (
            "{ get: /x, post: /y }",
            [
                "1:18: `http` takes one of `get`, `post`, `put`, `patch`, `delete`, `head`, and has `get` already"
            ]
        ),
        (
            "{ get: api/health }",
            ["1:8: `api/health` is neither a path that begins with `/` nor an http or https URL"]
        ),
        (
            "{ get: ftp://x/ }",
            ["1:8: `ftp://x/` is neither a path that begins with `/` nor an http or https URL"]
        ),
        (
            "{ get: /x,\n  expct: { status: 200 } }",
            ["2:3: `http` has no key `expct`; did you mean `expect`?"]
        ),
        (
            "{ get: /x, via: canidate }",
            [
                "1:17: `via` must be candidate, stable, public, balancer, found `canidate`; did you mean `candidate`?"
            ]
        ),
        ("{ get: /x, via: public }", ["1:17: `via: public` needs a `public_url` in the playbook"]),
        (
            "{ get: \"http://a/x\", via: stable }",
            ["1:27: `via` has no meaning for a whole URL; give the path alone"]
        ),
        ("{ get: /x, json: { a: 1 } }", ["1:18: a `get` carries no `json`"]),
        (
            "{ post: /x, json: { a: 1 }, form: { b: 2 } }",
            ["1:35: `http` takes one of `body`, `json`, `form`, and has `json` already"]
        ),
        ("{ get: /x, basic: { user: a } }", ["1:19: `basic` needs the key `password`"]),
        (
            "{ get: /x, bearer: t, basic: { user: a, password: b } }",
            ["1:30: `http` takes one of `bearer` and `basic`"]
        ),
        ("{ get: /x, headers: { \"a b\": c } }", ["1:23: `a b` is not a header's name"]),
        (
            "{ get: /x, expect: { status: 2yx } }",
            [
                "1:30: `status` must be a status such as 200, a class such as 2xx, or a list of them, found `2yx`"
            ]
        ),
        (
            "{ get: /x, expect: { status: [200, 700] } }",
            [
                "1:36: `status` must be a status such as 200, a class such as 2xx, or a list of them, found `700`"
            ]
        ),
        (
            "{ get: /x, expect: { within: soon } }",
            ["1:30: `within` must be a duration such as 250ms, 30s, 10m, 1h30m or 7d, found `soon`"]
        ),
        (
            "{ get: /x, expect: { json: { a..b: 1 } } }",
            ["1:30: `a..b` is not a path such as `status`, `db.pools[0].size` or `[\"a.b\"]`"]
        ),
        (
            "{ get: /x, expect: { json: { a: \"< fast\" } } }",
            ["1:33: `json.a`: `< fast` compares with no number; a condition is written `< 100` or `!= 0`"]
        ),
        (
            "{ get: /x, expect: { json: 5 } }",
            ["1:28: `json` must be a mapping of paths to values, found `5`"]
        ),
        (
            "{ get: /x, capture: { \"a b\": c } }",
            ["1:23: `a b` cannot name a captured value: letters, digits, `_` and `-` can"]
        ),
        (
            "{ get: /x, capture: { a: c. } }",
            ["1:26: `c.` is not a path such as `status`, `db.pools[0].size` or `[\"a.b\"]`"]
        ),
        (
            "{ get: \"/x/${version\" }",
            [
                "1:8: `get` has a `${` that is not a name followed by `}`: `/x/${version`; write `$${` for a plain `${`"
            ]
        ),
        (
            "{ get: x,\n via: nowhere, expect: { within: 1, statsu: 2 } }",
            [
                "1:8: `x` is neither a path that begins with `/` nor an http or https URL",
                "2:7: `via` must be candidate, stable, public, balancer, found `nowhere`",
                "2:34: `within` must be a duration such as 250ms, 30s, 10m, 1h30m or 7d, found `1`",
                "2:37: `expect` has no key `statsu`; did you mean `status`?",
            ]
        ),
    ])
    func `every mistake is reported at its place`(text: String, expected: [String]) {
        let (action, messages) = StepBench.decode(HTTPStep.kind(), text)
        #expect(messages == expected)
        #expect(action == nil)
    }

    @Test func `a bad regular expression is reported at its place`() throws {
        let (action, messages) = StepBench.decode(HTTPStep.kind(), #"{ get: /x, expect: { body: "a(" } }"#)
        #expect(action == nil)
        #expect(
            messages.count == 1
                && messages.first?.hasPrefix("1:28: `body` is not a regular expression") == true
        )
    }

    @Test func `references are those of every text`() throws {
        let text = """
            { post: "/a/${steps.s.a}", headers: { x: "${env.B}" }, json: { c: ["${secret.C}"] }, bearer: "${secret.D}",
              expect: { headers: { y: "${run}" }, json: { e: { f: "${version}" } }, body: "g ${service}" } }
            """
        let step = try StepBench.make(HTTPStep.kind(), text)
        #expect(
            step.references.map(\.name)
                == ["steps.s.a", "env.B", "secret.C", "secret.D", "run", "version", "service"]
        )
        #expect(step.references.first?.position == Position(line: 1, column: 9))
        #expect(step.summary == "POST /a/${steps.s.a}")
    }

    @Test(arguments: [
        ("get", true), ("head", true), ("post", false), ("put", false), ("patch", false), ("delete", false),
    ])
    func `only what looks is read-only`(method: String, isReadOnly: Bool) throws {
        let step = try StepBench.make(HTTPStep.kind(), "{ \(method): /x, capture: { a: b } }")
        #expect(step.isReadOnly == isReadOnly)
    }

    @Test func `the schema names the keys that the decoder takes`() throws {
        let schema = try JSONDocument(Array(HTTPStep.kind().schema.utf8))
        guard case .object(let properties) = try schema.value(at: "properties"),
            case .object(let expect) = try schema.value(at: "properties.expect.properties")
        else {
            Issue.record("no properties")
            return
        }
        let (_, messages) = StepBench.decode(
            HTTPStep.kind(),
            "{ get: /x, xxxxxxxxxx: 1, expect: { xxxxxxxxxx: 1 } }"
        )
        let list = { (names: [String]) in "it takes \(names.sorted().joined(separator: ", "))" }
        #expect(messages.contains { $0.hasSuffix(list(Array(properties.keys))) }, "\(messages)")
        #expect(messages.contains { $0.hasSuffix(list(Array(expect.keys))) }, "\(messages)")
    }
}
