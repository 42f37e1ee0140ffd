import DeployCore
import DeployPorts
import HTTPClient
import LoadClient
import Testing

@testable import Load

@Suite struct LoadStepReaderTests {
    @Test func `the language's example is understood`() throws {
        let step = try LoadBook.make(
            """
            { paths: { /: 3, /api/sessions: 1 }, users: 100, for: 5m,
              limits: { p95: 500ms, p99: 1s, errors: 0.1%, websocket_success: 99.9% } }
            """
        )
        #expect(step.paths.map(\.template.source) == ["/", "/api/sessions"])
        #expect(step.paths.map(\.weight) == [3, 1])
        #expect(step.pace == .users(100))
        #expect(step.length == .minutes(5))
        #expect(step.limits.latencies.map(\.percentile) == [95, 99])
        #expect(step.limits.latencies.map(\.most) == [.milliseconds(500), .seconds(1)])
        #expect(step.limits.errors == Percent(tenths: 1))
        #expect(step.limits.sockets == Percent(tenths: 999))
        #expect(step.sockets?.path.template.source == "/socket.io/?EIO=4&transport=websocket")
        #expect(step.sockets?.connections == 100)
        #expect(step.summary == "load / /api/sessions, 100 users, 5m")
        #expect(step.ownDeadline == .seconds(320))
    }

    @Test func `every key is understood`() throws {
        let (step, messages) = LoadBook.decode(
            """
            { paths: [/a, "/b?v=${version}"], rate: 200/s, for: 10s, ramp: 1s, warm_up: 2s, within: 3s, via: public,
              headers: { X-A: "${service}" }, bearer: "${secret.T}", websockets: { path: /ws, connections: 7 } }
            """,
            publicURL: "https://mina.test"
        )
        #expect(messages == [])
        #expect(step?.pace == .rate(perSecond: 200))
        #expect(step?.references.map(\.name) == ["version", "service", "secret.T"])
        #expect(step?.sockets?.connections == 7)
        #expect(step?.limits.errors == Percent(1))
        #expect(step?.limits.sockets == nil)
        #expect(step?.summary == "load /a /b?v=${version} via public, 200 requests a second, 10s")
        #expect([step?.ramp, step?.warmUp, step?.within] == [.seconds(1), .seconds(2), .seconds(3)])
    }

    @Test(arguments: [
        ("{ paths: /, for: 1s }", "1: `load` needs the key `users` or `rate`"),
        ("{ paths: /, for: 1s, users: 1, rate: 1/s }", "38: `load` takes one of `users` and `rate`"),
        ("{ users: 1, for: 1s }", "1: `load` needs the key `paths`"),
        ("{ paths: /, users: 1 }", "1: `load` needs the key `for`"),
        ("{ paths: [], users: 1, for: 1s }", "10: `paths` has no path"),
        ("{ paths: { / : 0 }, users: 1, for: 1s }", "16: `paths./` must be a whole number from 1 to 1000"),
        ("{ paths: a, users: 1, for: 1s }", "10: `a` is not a path"),
        ("{ paths: /, users: 0, for: 1s }", "20: `users` must be a whole number from 1 to 5000"),
        ("{ paths: /, rate: 5, for: 1s }", "19: `rate` must be requests a second such as 200/s"),
        ("{ paths: /, users: 1, for: 0s }", "28: `for` must be longer than 0s"),
        ("{ paths: /, users: 1, for: 1s, via: pubic }", "37: `via` must be candidate, stable"),
        ("{ paths: /, users: 1, for: 1s, via: public }", "37: `via: public` needs a `public_url`"),
        ("{ paths: /, users: 1, for: 1s, limits: { p90: 1s } }", "42: `limits` has no key `p90`"),
        ("{ paths: /, users: 1, for: 1s, limits: { errors: 2 } }", "50: `errors` must be a percentage"),
        ("{ paths: /, users: 1, for: 1s, websockets: {} }", "44: `websockets` needs the key `path`"),
        ("{ paths: /, users: 1, for: 1s, headers: { a b: c } }", "43: `a b` is not a header's name"),
        ("{ paths: /, users: 1, for: 1s, wait: 1s }", "32: `load` has no key `wait`"),
    ])
    func `a mistake is told with its place`(text: String, message: String) {
        let (step, messages) = LoadBook.decode(text)
        #expect(step == nil)
        #expect(messages.count == 1 && messages[0].hasPrefix(message), "\(messages)")
    }

    @Test(arguments: [
        ("{ paths: /, users: 1, for: 1s, xxxxxxxxxx: 1 }", "properties"),
        ("{ paths: /, users: 1, for: 1s, limits: { xxxxxxxxxx: 1 } }", "properties.limits.properties"),
        (
            "{ paths: /, users: 1, for: 1s, websockets: { path: /, xxxxxxxxxx: 1 } }",
            "properties.websockets.properties"
        ),
    ])
    func `the schema names the keys that the decoder takes`(text: String, path: String) throws {
        let schema = try JSONDocument(Array(LoadKinds.schema.utf8))
        guard case .object(let properties) = try schema.value(at: path) else {
            Issue.record("no properties")
            return
        }
        let messages = LoadBook.decode(text).messages
        let list = "has no key `xxxxxxxxxx`; it takes \(properties.keys.sorted().joined(separator: ", "))"
        #expect(messages.count == 1 && messages[0].hasSuffix(list), "\(messages)")
    }
}
