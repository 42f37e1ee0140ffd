@testable import DeployCommands
@testable import DeployOperations
import HTTPClient
import Testing

/// Where the command line may send a token.
struct RemoteAddressTests {
    @Test(arguments: [
        ("https://deploy.example.org", "https://deploy.example.org"),
        ("https://deploy.example.org:8443/bgdeploy/", "https://deploy.example.org:8443/bgdeploy"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080/", "http://[::1]:8080"), ("http://localhost", "http://localhost"),
    ])
    func `an address over TLS or of this host is taken`(_ text: String, _ base: String) throws {
        let address = try ServerAddress(text)
        #expect(address.base == base)
        #expect(address.socket == nil)
    }

    @Test func `a socket is connected to`() throws {
        let address = try ServerAddress("unix:/run/bgdeploy/bgdeploy.sock")
        #expect(address.socket == "/run/bgdeploy/bgdeploy.sock")
        #expect(address.base == "http://localhost")
    }

    @Test(arguments: [
        "http://deploy.example.org", "http://10.0.0.7:8080", "http://127.0.0.1.example.org",
        "http://127.evil.example", "http://127.0.0.evil", "http://[fe80::1]", "http://0.0.0.0:8080",
        "http://localhost.example.org",
    ])
    func `plain http to another host is refused with the reason`(_ text: String) throws {
        let failure = try #require(throws: CommandFailure.self) { try ServerAddress(text) }
        #expect(failure.status == .usage)
        #expect(failure.message.contains("readably over the network"))
        #expect(failure.message.contains("https://"))
    }

    @Test(arguments: [
        "", "deploy.example.org", "ftp://x", "unix:relative", "unix:", "https://", "https://a b",
        "https://host/?x=1", "https://host#f", "http://127.0.0.1:0", "http://127.0.0.1:99999",
        "http://127.0.0.1\\@evil.example", "https://host\r\nX: y", "http://127.0.0.1:80:90",
        "HTTPS://host", "https://höst",
    ])
    func `anything else is no address`(_ text: String) throws {
        let failure = try #require(throws: CommandFailure.self) { try ServerAddress(text) }
        #expect(failure.status == .usage)
    }

    @Test func `a password in the address is refused and not repeated`() throws {
        let failure = try #require(throws: CommandFailure.self) {
            try ServerAddress("https://anna:hunter2@deploy.example.org")
        }
        #expect(failure.status == .usage)
        #expect(!failure.message.contains("hunter2"))
    }

    @Test func `everything in a path is escaped`() {
        let path = RemotePath("runs", "../x?y#z/é", query: ["after": "1&2", "cursor": nil])
        #expect(path.text == "/v1/runs/..%2Fx%3Fy%23z%2F%C3%A9?after=1%262")
        #expect(RemotePath("runs", "..").text == "/v1/runs/%2E%2E")
    }

    @Test func `JSON from elsewhere is laid out as our own`() throws {
        let json = JSON.object([
            ("z", .text("a \"quoted\" \\ { [ , : ]")), ("a", .list([.number(1), .decimal(2.5), .null])),
            ("e", .list([])), ("o", .object([])), ("n", .object([("x", .flag(true))])),
        ])
        #expect(JSONLayout.indented(Array(JSON.text(json).utf8)) == JSON.text(json, indent: 1))
        #expect(JSONLayout.indented(Array(JSON.text(json, indent: 4).utf8)) == JSON.text(json, indent: 1))
        #expect(JSONLayout.indented(Array("{\"a\":".utf8)) == nil)
        #expect(
            JSONLayout.indented(Array("{\"a\": {  } , \"b\": [ ]}".utf8)) == "{\n \"a\": {},\n \"b\": []\n}"
        )
    }
}
