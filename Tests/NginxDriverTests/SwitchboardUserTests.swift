@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing
import TrafficShares

@testable import NginxDriver

/// Who goes where: sticky users, chosen users, and those who mean harm.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardUserTests {
    private static let place = "/.well-known/bgdeploy/app"

    /// The lab's probe tells, in a header, the bucket and the pool of whoever asks.
    private func lab(
        sticky: UserKey? = nil,
        users: [String]? = nil
    ) async throws -> SwitchboardLab {
        try await SwitchboardLab.installed(SwitchboardLab.Texts()) { settings in
            let folder = settings.file.replacing("/app.conf", with: "")
            settings.probe = "http://unix:\(folder)/door.sock:\(Self.place)"
            settings.sticky = sticky
            settings.chosenUsers = users.map { ChosenUsers(key: .header("X-User-Id"), values: $0) }
        }
    }

    private func route(_ lab: SwitchboardLab, _ headers: [String]) -> (bucket: Int, pool: String) {
        let answer = SwitchboardClient.exchange(lab.door, Self.place, headers)
        let line = answer.split(separator: "\r\n").first { $0.hasPrefix("X-Bgdeploy: ") } ?? ""
        let words = line.split(separator: " ")
        return words.count == 3 ? (Int(words[1]) ?? -1, String(words[2])) : (-1, answer)
    }

    private func isGreen(_ pool: String) -> Bool { pool.hasPrefix("bgdeploy_app_green") }

    @Test func `a user who was moved stays, and every share is met`() async throws {
        let lab = try await lab(sticky: .cookie("session"))
        let cookies = (0..<2000).map { String(Digest.sha256(Array("\($0)".utf8)).prefix(24)) }
        let buckets = cookies.map { TrafficShares.bucket(of: Array($0.utf8)) }
        var moved: Set<String> = []
        for share in [1, 5, 10, 25, 50, 75, 100] {
            try await lab.move(to: try greenHas(share))
            var green: Set<String> = []
            for (cookie, bucket) in zip(cookies, buckets) {
                let (told, pool) = route(lab, ["Cookie: a=1; session=\(cookie)"])
                try #require(told == bucket, "\(cookie) has bucket \(told) instead of \(bucket)")
                #expect(isGreen(pool) == (bucket < share * 10))
                if isGreen(pool) { green.insert(cookie) }
            }
            #expect(moved.isSubset(of: green), "somebody moved back at \(share) %")
            #expect(
                abs(Double(green.count) / 20 - Double(share)) <= 1.5,
                "\(green.count) of 2000 at \(share) %"
            )
            moved = green
        }
    }

    @Test func `nobody is divided twice: without a cookie the address decides`() async throws {
        let lab = try await lab(sticky: .cookie("session"))
        let bucket = TrafficShares.bucket(of: Array("unix:".utf8))
        for headers in [[], ["Cookie: session="], ["Cookie: other=1"]] {
            #expect(route(lab, headers).bucket == bucket)
        }
    }

    @Test(arguments: [UserKey.header("X-User-Id"), .cookie("my-session.id")])
    func `headers and cookies of any name tell users apart`(key: UserKey) async throws {
        let lab = try await lab(sticky: key)
        let line = key == .header("X-User-Id") ? "X-User-Id: " : "Cookie: my-sessionXid=no; my-session.id="
        for user in ["ana", "bob"] {
            #expect(route(lab, [line + user]).bucket == TrafficShares.bucket(of: Array(user.utf8)))
        }
    }

    @Test func `chosen users have the candidate beside a canary of the others`() async throws {
        let lab = try await lab(sticky: .cookie("session"), users: ["ana", "a.b@c+d=e-f_9", "-"])
        let chosen = Split(green, .zero, other: blue, chosen: green)
        let seen = try await lab.move(to: chosen)
        #expect(seen.split == chosen && seen.fileSplit == chosen && seen.remarks.isEmpty)
        #expect(try await lab.balancer.mark().stable == blue)
        for user in ["ana", "a.b@c+d=e-f_9", "-"] {
            #expect(isGreen(route(lab, ["X-User-Id: \(user)"]).pool), "\(user)")
        }
        for user in ["bob", "ana2", "Ana", ""] {
            #expect(!isGreen(route(lab, ["X-User-Id: \(user)"]).pool), "\(user)")
        }
        #expect(WebClient.get(lab.door) == "blue")
        #expect(SwitchboardClient.get(lab.door, ["X-User-Id: ana"]) == "green")

        let both = Split(green, try #require(Percent(30)), other: blue, chosen: green)
        try await lab.move(to: both)
        for number in 0..<200 {
            let bucket = TrafficShares.bucket(of: Array("c\(number)".utf8))
            #expect(isGreen(route(lab, ["Cookie: session=c\(number)"]).pool) == (bucket < 300))
            #expect(isGreen(route(lab, ["Cookie: session=c\(number)", "X-User-Id: ana"]).pool))
        }
        try await lab.move(to: try greenHas(0), isReturn: true)
        #expect(!isGreen(route(lab, ["X-User-Id: ana"]).pool))
    }

    @Test func `chosen users go with the candidate, also when that is the first environment`() async throws {
        let lab = try await lab(users: ["ana"])
        try await lab.move(to: try greenHas(100))
        try await lab.move(
            to: Split(blue, .zero, other: green, chosen: blue),
            token: FencingToken(epoch: 0, counter: 2)
        )
        #expect(SwitchboardClient.get(lab.door, ["X-User-Id: ana"]) == "blue")
        #expect(SwitchboardClient.get(lab.door, ["X-User-Id: bob"]) == "green")
        #expect(try await lab.balancer.restore(by: Actor("ana"), reason: "bad").split?.live == green)
        #expect(SwitchboardClient.get(lab.door, ["X-User-Id: ana"]) == "green")
    }

    @Test func `no value leaves the folder`() async throws {
        let lab = try await lab(sticky: .cookie("session"), users: ["ana"])
        let chosen = Split(green, .zero, other: blue, chosen: green)
        try await lab.move(to: chosen)
        let digest = try #require(lab.board.current?.chosen?.digest)
        let hostile = [
            "../\(digest)/ana", "./ana", "..", ".", "/ana", "ana/", "ana\0", "%2e%2e/ana", "ana%00", "a\tna",
            "../../../../../../etc/passwd", "$bgdeploy_app_bucket", "\\..\\ana", "ana\u{e4}", "\"ana\"",
            ".nobody",
            String(repeating: "a", count: 4000), String(repeating: "../", count: 1000) + "ana", "ana ; x",
        ]
        for value in hostile {
            for line in ["X-User-Id: \(value)", "Cookie: session=\(value)"] {
                let answer = SwitchboardClient.exchange(lab.door, Self.place, [line])
                #expect(!answer.contains("bgdeploy_app_green"), "\(line) got through")
            }
        }
        #expect(!lab.text("error.log").contains(lab.board.folder), "a lookup was complained of")
        // Everybody else is served as before.
        #expect(isGreen(route(lab, ["X-User-Id: ana"]).pool))
        #expect(SwitchboardClient.get(lab.door, ["Cookie: session=../../\(digest)"]) == "blue")
    }

    @Test func `a list of users that changed replaces the old one`() async throws {
        let lab = try await lab(users: ["ana"])
        let chosen = Split(green, .zero, other: blue, chosen: green)
        try await lab.move(to: chosen)
        let next = lab.successor { $0.chosenUsers = ChosenUsers(key: .header("X-User-Id"), values: ["bob"]) }
        _ = try await next.commit(try await next.stage(chosen, token: firstToken))
        #expect(isGreen(route(lab, ["X-User-Id: bob"]).pool))
        #expect(!isGreen(route(lab, ["X-User-Id: ana"]).pool))
    }
}
