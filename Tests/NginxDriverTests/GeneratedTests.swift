@testable import BalancerLab
import DeployCore
import DeployPorts
import DeployTestKit
import Glibc
import SafeFile
import Testing
import TrafficShares

@testable import NginxDriver

extension NginxLab {
    static func generated(_ change: (inout NginxSettings) -> Void = { _ in }) async throws -> NginxLab {
        try await NginxLab {
            $0.mode = .generated; change(&$0)
        }
    }

    var probeURL: String { "http://unix:\(door):/generation" }

    /// The answer to `target` for a client that sends `header`.
    func get(_ target: String, _ header: String) -> String {
        WebClient.get(door, "\(target) HTTP/1.1\r\n\(header)\r\nX-Rest:")
    }

    /// Brings `split` into force.
    func apply(_ split: Split) async throws {
        let seen = try await balancer.commit(try await balancer.stage(split, token: firstToken))
        try #require(seen.split == split)
    }
}

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct GeneratedTests {
    @Test(arguments: [false, true])
    func `keeps the contract of every load balancer`(isProbed: Bool) async throws {
        let lab = try await NginxLab.generated()
        let url = lab.probeURL
        let balancer = lab.successor { if isProbed { $0.probe = url } }
        let file = lab.file
        let contract = LoadBalancerContract(balancer, stable: blue, candidate: green) {
            (try? SafeFile.read(file).bytes) ?? []
        }
        try await contract.check()
    }

    @Test func `users get the shares that were asked for`() async throws {
        let lab = try await NginxLab.generated()
        for share in [25, 1, 33, 100, 0] {
            try await lab.apply(try greenHas(share))
            let shares = lab.shares(of: 200)
            let seen = Double(shares["green", default: 0]) / 2
            #expect(abs(seen - Double(share)) <= 1, "asked for \(share) %, seen \(shares)")
        }
    }

    @Test func `a cookie has the side of its bucket, and nobody moves back`() async throws {
        let lab = try await NginxLab.generated { $0.sticky = .cookie("session") }
        let keys = (0..<400).map { "user-\($0)" }
        for tenths in [0, 1, 15, 250, 999, 1000] {
            let share = try #require(Percent(tenths: tenths))
            try await lab.apply(Split(green, share, other: blue))
            for key in keys {
                let pool = lab.get("/pool", "Cookie: session=\(key)")
                let side = TrafficShares.bucket(of: key.utf8) < tenths ? "app_green" : "app_blue"
                #expect(pool == side, "\(key) at \(tenths)")
            }
        }
        try await lab.apply(try greenHas(50))
        // Everybody without the cookie comes from one address here.
        let side = TrafficShares.bucket(of: "unix:".utf8) < 500 ? "green" : "blue"
        #expect(lab.shares() == [side: 40])
    }

    @Test func `nginx divides the hash where the bucket rule does, to the last key`() async throws {
        let lab = try await NginxLab.generated { $0.sticky = .header("X-User-Id") }
        try await lab.apply(Split(green, try #require(Percent(tenths: 333)), other: blue))
        var wrong = 0
        for number in 0..<3000 {
            let pool = lab.get("/pool", "X-User-Id: \(number)")
            let isGreen = TrafficShares.bucket(of: "\(number)".utf8) < 333
            if pool != (isGreen ? "app_green" : "app_blue") { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test func `a cookie whose name is no variable's is read all the same`() async throws {
        let lab = try await NginxLab.generated { $0.sticky = .cookie("my-app.sid") }
        try await lab.apply(try greenHas(50))
        for number in 0..<40 {
            let pool = lab.get("/pool", "Cookie: my-appXsid=no; my-app.sid=\(number); z=1")
            let isGreen = TrafficShares.bucket(of: "\(number)".utf8) < 500
            #expect(pool == (isGreen ? "app_green" : "app_blue"))
        }
    }

    @Test func `chosen users have their side to the letter, and the rest is divided`() async throws {
        let odd = ["default", "include", "hostnames", "volatile", "ana@example.org", "Bob", "bOB", "a+b=c"]
        let lab = try await NginxLab.generated {
            $0.chosenUsers = ChosenUsers(key: .header("X-User-Id"), values: odd)
        }
        try await lab.apply(Split(green, .zero, other: blue, chosen: green))
        for user in odd { #expect(lab.get("/", "X-User-Id: \(user)") == "green", "\(user)") }
        for user in ["ANA@example.org", "BOB", "bob", "", "x:x", "a::a:", "anaXexample.org", ":", "Bob:Bob"] {
            #expect(lab.get("/", "X-User-Id: \(user)") == "blue", "\(user)")
        }
        let quarter = try #require(Percent(25))
        try await lab.apply(Split(green, quarter, other: blue, chosen: green))
        #expect(lab.shares(of: 200) == ["blue": 150, "green": 50])
        #expect(lab.get("/", "X-User-Id: Bob") == "green")
        try await lab.apply(try greenHas(0))
        #expect(lab.get("/", "X-User-Id: Bob") == "blue")
    }

    @Test func `a hundred thousand users are chosen beside a sticky canary`() async throws {
        let users = (0..<100_000).map { "user\($0)" }
        let lab = try await NginxLab.generated {
            $0.sticky = .cookie("session")
            $0.chosenUsers = ChosenUsers(key: .cookie("uid"), values: users)
        }
        try await lab.apply(Split(green, try #require(Percent(1)), other: blue, chosen: green))
        #expect(lab.get("/pool", "Cookie: uid=user0") == "app_green")
        #expect(lab.get("/pool", "Cookie: uid=user99999") == "app_green")
        let key = try #require((0...).first { TrafficShares.bucket(of: "\($0)".utf8) >= 10 })
        #expect(lab.get("/pool", "Cookie: uid=user100000; session=\(key)") == "app_blue")
    }

    @Test func `a pool that is down leaves its users to the other one while that has a share`() async throws {
        let lab = try await NginxLab.generated {
            $0.sticky = .address
            $0.environments[1] = EnvironmentSpec(name: green, url: "", servers: ["127.0.0.1:1"])
        }
        try await lab.apply(try greenHas(99))
        #expect(lab.shares() == ["blue": 40])
    }

    @Test func `an edit by hand is drift, and an emergency keeps it aside`() async throws {
        let lab = try await NginxLab.generated()
        try await lab.apply(try greenHas(25))
        let ours = lab.folder.text("app.conf")
        try lab.folder.write("app.conf", ours.replacing("max_fails=0", with: "max_fails=3"))
        let edited = lab.folder.text("app.conf")
        for attempt in [
            { _ = try await lab.balancer.stage(try greenHas(50), token: firstToken) },
            { try await lab.balancer.inspect() },
            { _ = try await lab.balancer.render(try greenHas(50)) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: LoadBalancerError.self) { try await attempt() }
            guard case .drifted(_, let diff) = error else {
                Issue.record("\(String(describing: error))"); return
            }
            #expect(diff.contains("max_fails=3") && diff.contains("bgdeploy traffic install"))
        }
        #expect(lab.folder.text("app.conf") == edited)
        let seen = try await lab.balancer.observe()
        #expect(seen.fileSplit == nil && seen.remarks.contains { $0.contains("edited by hand") })
        let back = try await lab.successor().restore(by: Actor("ana"), reason: "bad")
        #expect(back.split?.live == blue)
        #expect(lab.shares() == ["blue": 40])
        #expect(lab.folder.text(".bgdeploy/app.conf.app.edited") == edited)
    }

    @Test func `a file of somebody else's is refused and left alone`() async throws {
        let lab = try await NginxLab.generated()
        let theirs = "upstream app { server 127.0.0.1:1; }\n"
        try lab.folder.write("theirs.conf", theirs)
        try lab.folder.write(
            "other.conf",
            lab.folder.text("app.conf").replacing("service app.", with: "service b.")
        )
        for (name, part) in [
            ("theirs.conf", "was not written by bgdeploy"), ("other.conf", "another service"),
        ] {
            let balancer = lab.successor { $0.file = "\(lab.folder.path)/\(name)" }
            let before = lab.folder.text(name)
            for attempt in [
                { _ = try await balancer.stage(try greenHas(50), token: firstToken) },
                { _ = try await balancer.installation() },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: LoadBalancerError.self) { try await attempt() }
                #expect(error?.message.contains(part) == true)
            }
            #expect(lab.folder.text(name) == before)
        }
    }
}
