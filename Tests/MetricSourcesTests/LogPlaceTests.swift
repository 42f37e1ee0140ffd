import DeployCore
import DeployPorts
import Testing

@testable import MetricSources

@Suite struct LogPlaceTests {
    @Test(arguments: [
        ("unix:/run/bgdeploy/mina.sock", LogPlace.unix(path: "/run/bgdeploy/mina.sock")),
        ("udp:127.0.0.1:5140", .udp(port: 5140)), ("udp:localhost:5140", .udp(port: 5140)),
        ("/var/log/nginx/bg.log", .file(path: "/var/log/nginx/bg.log")),
        ("file:/var/log/nginx/bg.log", .file(path: "/var/log/nginx/bg.log")),
    ])
    func `reads`(text: String, place: LogPlace) throws {
        #expect(try LogPlace(text) == place)
    }

    @Test(arguments: [
        ("unix:run/a.sock", "absolute path"),
        ("unix:/" + String(repeating: "x", count: 107), "at most 107 bytes"),
        ("udp:0.0.0.0:5140", "127.0.0.1 only"), ("udp:10.0.0.1:5140", "127.0.0.1 only"),
        ("udp:5140", "127.0.0.1 only"), ("udp:127.0.0.1:0", "a port from 1"),
        ("udp:127.0.0.1:70000", "a port from 1"),
        ("access.log", "expected unix:/PATH"), ("", "expected unix:/PATH"),
        ("tcp:127.0.0.1:1", "expected unix:/PATH"),
    ])
    func `refuses, saying what was expected`(text: String, words: String) {
        let error = #expect(throws: LogPlace.Mistake.self) {
            try LogPlace(text)
        }
        #expect(error?.message.contains(words) == true)
        #expect(error?.message.contains("`\(text)`") == true)
    }

    @Test(arguments: [
        ("10.0.0.1:5000", ["10.0.0.1:5000"]), ("10.0.0.1", ["10.0.0.1:80"]), ("[::1]:5000", ["[::1]:5000"]),
        ("[::1]", ["[::1]:80"]), ("unix:/run/a.sock", ["unix:/run/a.sock"]),
    ])
    func `servers are named as nginx logs them`(text: String, addresses: [String]) {
        #expect(ServerAddresses.addresses(of: text) == addresses)
    }

    @Test func `a host name stands for its addresses`() {
        #expect(ServerAddresses.addresses(of: "localhost:81").contains("127.0.0.1:81"))
        #expect(ServerAddresses.addresses(of: "no.such.host.invalid:81") == ["no.such.host.invalid:81"])
    }
}
