@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing
import TrafficShares

@testable import HAProxyDriver

/// Mode `map` on a real HAProxy.
@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct MapContractTests {
    private let cookie = UserKey.cookie("session")
    private let users = ChosenUsers(key: .header("X-User-Id"), values: ["ana", "u+1@example.org", "42"])

    private func split(_ tenths: Int, chosen: EnvironmentName? = nil) throws -> Split {
        Split(green, try #require(Percent(tenths: tenths)), other: blue, chosen: chosen)
    }

    /// Who answers a request with these header lines.
    private func answer(_ lab: HAProxyLab, _ headers: String = "") -> String {
        WebClient.get(lab.door, "/ HTTP/1.1\r\n\(headers)X-Rest: ")
    }

    @Test func `keeps the contract of every load balancer`() async throws {
        let settings: [@Sendable (inout HAProxySettings) -> Void] = [
            { $0.mode = .map },
            { ($0.mode, $0.sticky, $0.chosenUsers) = (.map, cookie, users) },
        ]
        for change in settings {
            let lab = try await HAProxyLab(.init(), change)
            let file = lab.file
            let contract = LoadBalancerContract(lab.balancer, stable: blue, candidate: green) {
                (try? SafeFile.read(file).bytes) ?? []
            }
            try await contract.check()
        }
    }

    @Test func `users stay where they are, on the side that nginx would give them`() async throws {
        let lab = try await HAProxyLab { ($0.mode, $0.sticky) = (.map, cookie) }
        let keys = (0..<2000).map { "\(String($0 &* 2_654_435_761, radix: 36))-\($0)" }
        var moved: Set<String> = []
        for percent in [1, 5, 10, 25, 50, 75, 100] {
            try await lab.put(try split(percent * 10))
            // Every fifth in most steps: each answer is checked against its bucket anyway.
            let isWhole = [10, 100].contains(percent)
            for (number, key) in keys.enumerated() where isWhole || number % 5 == percent % 5 {
                let isGreen = answer(lab, "Cookie: a=b; session=\(key)\r\n") == "green"
                let wanted = TrafficShares.bucket(of: Array(key.utf8)) < percent * 10
                #expect(isGreen == wanted, "\(key) at \(percent) %")
                #expect(isGreen || !moved.contains(key), "\(key) moved back at \(percent) %")
                if isGreen { moved.insert(key) }
            }
            let share =
                Double(keys.filter { TrafficShares.bucket(of: Array($0.utf8)) < percent * 10 }.count) / 20
            #expect(
                abs(share - Double(percent)) <= 2,
                "asked for \(percent) %, \(share) % of the users have it"
            )
        }
        // Without a cookie the address decides, which a Unix socket does not have.
        for share in [1, 999] {
            try await lab.put(try split(share))
            let wanted = TrafficShares.bucket(of: Array("unix:".utf8)) < share ? "green" : "blue"
            #expect(answer(lab) == wanted && answer(lab, "Cookie: session=\r\n") == wanted)
        }
    }

    @Test func `requests are divided by chance where nobody is to stay`() async throws {
        let lab = try await HAProxyLab { $0.mode = .map }
        for percent in [10, 50] {
            try await lab.put(try split(percent * 10))
            let green = lab.shares(of: 1000)["green", default: 0]
            // Six standard deviations.
            #expect(
                abs(Double(green) / 10 - Double(percent)) <= (percent == 10 ? 5.7 : 9.5),
                "\(green) of 1000"
            )
        }
    }

    @Test func `chosen users are on their side at any share, and all others are not`() async throws {
        let lab = try await HAProxyLab { ($0.mode, $0.sticky, $0.chosenUsers) = (.map, cookie, users) }
        let others = ["", "Ana", "ana,ana", "an", "u", ".sha256", "424"]
        for (owner, share) in [(green, 0), (green, 100), (blue, 1000), (blue, 900)] {
            let seen = try await lab.put(try split(share, chosen: owner))
            #expect(seen.split == (try split(share, chosen: owner)))
            #expect(seen.fileSplit == seen.split && seen.remarks.isEmpty)
            for user in users.values { #expect(answer(lab, "X-User-Id: \(user)\r\n") == owner.rawValue) }
            for user in others {
                let bucket = TrafficShares.bucket(of: Array("c1".utf8))
                let wanted = bucket < share ? "green" : "blue"
                #expect(answer(lab, "Cookie: session=c1\r\nX-User-Id: \(user)\r\n") == wanted, "\(user)")
            }
        }
        try await lab.put(try split(0))
        #expect(answer(lab, "X-User-Id: ana\r\n") == "blue")
    }

    @Test func `a release that begins with the chosen users alone can be taken back too`() async throws {
        let lab = try await HAProxyLab { ($0.mode, $0.chosenUsers) = (.map, users) }
        try await lab.put(try split(0, chosen: green))
        #expect(try await lab.balancer.mark().stable == blue)
        #expect(access(lab.folder.path + "/.bgdeploy/rollback-haproxy.cfg.app.sh", X_OK) == 0)
        let seen = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(seen.split == (try split(0)) && seen.fileSplit == seen.split)
        #expect(answer(lab, "X-User-Id: ana\r\n") == "blue")
    }

    @Test func `another list of users replaces the running one as a whole`() async throws {
        let lab = try await HAProxyLab { ($0.mode, $0.chosenUsers) = (.map, users) }
        try await lab.put(try split(0, chosen: green))
        let many = (0..<20_000).map { "user-\($0)" }
        let next = lab.successor { $0.chosenUsers = ChosenUsers(key: users.key, values: many) }
        _ = try await next.commit(try await next.stage(split(0, chosen: green), token: firstToken))
        #expect(answer(lab, "X-User-Id: ana\r\n") == "blue")
        for user in ["user-0", "user-9999", "user-19999"] {
            #expect(answer(lab, "X-User-Id: \(user)\r\n") == "green")
        }
        let path = try MapLayout(next.settings, MarkedFile(lab.file, entry: "app")).usersPath
        #expect(try SafeFile.read(path).bytes == UsersMap(many).text)
    }

    @Test func `every key has nginx's bucket`() async throws {
        let lab = try await HAProxyLab(
            .init(
                frontend: """
                    http-request return status 200 content-type text/plain lf-string "%[req.hdr(K),url_dec,lua.bgdeploy_app]" if { req.hdr(K) -m found }
                        default_backend app
                    """
            )
        ) { ($0.mode, $0.sticky) = (.map, cookie) }
        var generator = SystemRandomNumberGenerator()
        for length in Array(0...300) + [301, 4000] {
            let key = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let coded = key.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let told = answer(lab, "K: \(coded)\r\n")
            #expect(told == "\(TrafficShares.bucket(of: key))", "\(key)")
        }
    }

    @Test(arguments: HAProxyMode.allCases)
    func `two hundred switches under load fail no request`(_ mode: HAProxyMode) async throws {
        let lab = try await HAProxyLab { $0.mode = mode }
        let door = lab.door
        let load = LoadLoop(door)
        for round in 0..<200 {
            try await lab.put(try split([250, 1000, 500, 0][round % 4]))
        }
        let (good, bad) = load.end()
        #expect(bad == 0 && good > 100, "\(bad) of \(good + bad) requests failed")
    }

    @Test func `held connections stay where they are over a switch, and are counted and closed`() async throws
    {
        let lab = try await HAProxyLab { $0.mode = .map }
        let held = (0..<5).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in held { close(descriptor) } }
        try await eventuallyCounted(5, lab, blue)
        try await lab.put(try split(1000))
        #expect(try await lab.balancer.connections(to: blue) == 5)
        #expect(try await lab.balancer.closeConnections(to: green) == 0)
        #expect(try await lab.balancer.connections(to: blue) == 5)
        #expect(try await lab.balancer.closeConnections(to: blue) == 5)
        try await eventuallyCounted(0, lab, blue)
    }

    private func eventuallyCounted(_ wanted: Int, _ lab: HAProxyLab, _ name: EnvironmentName) async throws {
        var seen = -1
        for _ in 0..<2000 where seen != wanted {
            seen = try await lab.balancer.connections(to: name)
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
        }
        #expect(seen == wanted)
    }
}
