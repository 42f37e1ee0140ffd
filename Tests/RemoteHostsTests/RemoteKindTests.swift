@testable import BalancerLab
import ChildProcesses
import DeployCore
import DeployPorts
import Foundation
import SecureShell
import Synchronization
import Testing

@testable import RemoteHosts

/// How `on` is read, and what the host makes of a first line.
@Suite(.timeLimit(.minutes(2)))
struct RemoteKindTests {
    private let environments = [
        EnvironmentSpec(name: blue, url: "", servers: ["127.0.0.1:1"]),
        EnvironmentSpec(name: green, url: "", servers: ["127.0.0.1:2"]),
    ]

    private func make(_ pairs: [(String, String)]) throws -> (ConfiguredBalancer?, [String]) {
        let kind = try #require(Stands.kinds.first { $0.key == "haproxy" })
            .alsoElsewhere(client: { SSHClient() }, version: "1")
        return Stands.make(kind, Stands.entry(pairs.map { ($0.0, Stands.text($0.1)) }), environments)
    }

    @Test func `with on it is a balancer of that host, without it one of this`() throws {
        let entry = [("haproxy", "/etc/haproxy/haproxy.cfg"), ("backend", "app"), ("socket", "/run/h.sock")]
        let (here, none) = try make(entry)
        #expect(none.isEmpty && here?.balancer is RemoteBalancer == false)
        let (there, problems) = try make(entry + [("on", "ssh://deploy@lb1")])
        #expect(problems.isEmpty, "\(problems)")
        #expect(there?.balancer.name == "haproxy /etc/haproxy/haproxy.cfg on deploy@lb1")
        #expect(there?.source?.name.hasSuffix(" on deploy@lb1") == true)
    }

    @Test func `every mistake is reported`() throws {
        let (made, problems) = try make([
            ("on", "ssh://lb1"), ("haproxy", "h.cfg"), ("backnd", "app"), ("socket", "h.sock"),
        ])
        #expect(made == nil)
        for part in [
            "`haproxy` is a path on lb1 and must begin with `/`, found `h.cfg`", "`socket` is a path on lb1",
            "needs the key `backend`", "did you mean `backend`",
        ] {
            #expect(problems.contains { $0.contains(part) }, "\(part) in \(problems)")
        }
        let (_, hosts) = try make([("on", "ssh://-oProxyCommand=id"), ("haproxy", "/h"), ("backend", "b")])
        #expect(hosts.count == 1 && hosts[0].contains("is no host in"), "\(hosts)")
    }

    @Test(arguments: [
        ("hello", "no greeting of bgdeploy came"),
        (#"{"bgdeploy":"9.9.9","language":99}"#, "does not know the words of 9.9.9"),
        (#"{"bgdeploy":"0.1.0","language":1}"#, "does not know the words of 0.1.0"),
    ])
    func `a host that is greeted otherwise says so and ends`(_ line: String, _ part: String) async throws {
        let answer = try await exchange([line])
        #expect(answer.lines.count == 1)
        #expect(answer.lines.first?.contains(part) == true, "\(answer.lines)")
        #expect(answer.status == 64)
    }

    @Test func `a line without an end is not kept in memory for ever`() async throws {
        let answer = try await exchange([String(repeating: "x", count: WireLine.longest + 65_536)])
        #expect(answer.lines.first?.contains("no greeting of bgdeploy came") == true)
        #expect(answer.status == 64)
    }

    private func exchange(_ lines: [String]) async throws -> (lines: [String], status: Int32?) {
        let answers = Mutex<[String]>([])
        let ending = Mutex<Dialogue.Ending?>(nil)
        let dialogue = try Dialogue(
            [try SSHLab.fixture(), "0.1.0"],
            environment: [:],
            longestLine: 65_536,
            take: { line in answers.withLock { $0.append(String(decoding: line, as: UTF8.self)) } },
            end: { end in ending.withLock { $0 = end } }
        )
        for line in lines { _ = dialogue.send(Array(line.utf8)) }
        try await eventually("the host ends") { ending.withLock { $0 } != nil }
        return (answers.withLock { $0 }, ending.withLock { $0 }?.status)
    }
}
