import Checks
import DeployPorts
import HTTPClient
import Testing

/// The schemas and the decoders are two tellings of one language.
@Suite struct KindSchemaTests {
    private static let unknown = "xxxxxxxxxx"

    @Test(arguments: [
        ("http", "{ get: /a, \(unknown): 1 }", "properties"),
        ("http", "{ get: /a, login: { post: /b, \(unknown): 1 } }", "properties.login.properties"),
        ("websocket", "{ path: /a, \(unknown): 1 }", "properties"),
        ("tls", "{ address: \"a:1\", \(unknown): 1 }", "anyOf[1].properties"),
        ("postgres", "{ url: \"${secret.A}\", query: a, \(unknown): 1 }", "properties"),
        ("redis", "{ url: \"${secret.A}\", command: [PING], \(unknown): 1 }", "properties"),
        ("scenario", "[ { http: { get: /a }, \(unknown): 1 } ]", "items.properties"),
    ])
    func `a schema names the keys that its decoder takes`(key: String, text: String, path: String) throws {
        let kind = CheckKinds.named(key)
        let schema = try JSONDocument(Array(kind.schema.utf8))
        guard case .object(let properties) = try schema.value(at: path) else {
            Issue.record("no properties")
            return
        }
        let (action, messages) = StepBench.decode(kind, text)
        #expect(action == nil)
        let list =
            "has no key `\(Self.unknown)`; it takes \(properties.keys.sorted().joined(separator: ", "))"
        #expect(messages.count == 1 && messages[0].hasSuffix(list), "\(messages)")
    }

    @Test func `every schema is JSON, and refers to nothing that stands elsewhere`() throws {
        for kind in CheckKinds.all() {
            _ = try JSONDocument(Array(kind.schema.utf8))
            #expect(!kind.schema.contains("$ref"), "\(kind.key)")
        }
    }
}
