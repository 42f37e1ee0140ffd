@testable import BalancerLab
import BalancerFiles
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Synchronization
import Testing

@testable import NginxDriver

/// People who ask as fast as they can, until they are told to stop.
private final class Crowd: Sendable {
    private let state = Mutex<(isOver: Bool, seen: [String: Int])>((false, [:]))

    var answers: [String: Int] { state.withLock { $0.seen } }

    func end() { state.withLock { $0.isOver = true } }

    func ask(_ door: String) async {
        await BlockingWork.run { [self] in
            while !state.withLock({ $0.isOver }) {
                let answer = WebClient.get(door)
                state.withLock { $0.seen[answer, default: 0] += 1 }
            }
        }
    }
}

/// Switching while people use it.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct SwitchboardLoadTests {
    @Test func `a hundred switches under load fail nothing, and leave held connections alone`() async throws {
        let lab = try await SwitchboardLab.installed()
        let held = (0..<20).map { _ in WebClient.open(lab.door, get: "/hold") }
        defer { for descriptor in held { close(descriptor) } }
        let blueSide = ServerAddress(lab.blueServer.address)
        try await eventually("all of them at blue") {
            OpenConnections.count(to: [blueSide], of: nil) >= held.count
        }
        let workers = try #require(lab.master?.activeWorkers())
        let crowd = Crowd()
        let door = lab.door
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { await crowd.ask(door) } }
            defer { crowd.end() }
            for number in 0..<100 {
                let share = [100, 50, 0, 10, 25][number % 5]
                let split = try greenHas(share)
                #expect(try await lab.move(to: split, isReturn: share == 0).split == split)
            }
        }
        let answers = crowd.answers
        #expect(Set(answers.keys) == ["blue", "green"], "\(answers)")
        #expect(lab.master?.activeWorkers() == workers, "nginx was reloaded")
        for descriptor in held {
            var byte: UInt8 = 0
            #expect(
                recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) < 0 && errno == EAGAIN,
                "a held connection ended"
            )
        }
    }

    @Test func `after a switch not one new request is on the old side`() async throws {
        let lab = try await SwitchboardLab.installed()
        for number in 0..<20 {
            try await lab.move(to: try greenHas(number.isMultiple(of: 2) ? 100 : 0))
            #expect(lab.shares(of: 10) == [number.isMultiple(of: 2) ? "green" : "blue": 10])
        }
    }

    @Test
    func `a candidate that refuses connections costs nobody a request, and gets none of a stable one's`()
        async throws
    {
        let lab = try await SwitchboardLab { settings in
            // Nobody listens there.
            settings.environments[1] = EnvironmentSpec(name: green, url: "", servers: ["127.0.0.1:9"])
            let path = settings.file
            if let text = try? SafeFile.read(path).bytes {
                let lines = String(decoding: text, as: UTF8.self).split(
                    separator: "\n",
                    omittingEmptySubsequences: false
                )
                let changed = lines.map {
                    $0.contains(" down;") ? "    server 127.0.0.1:9 down;" : String($0)
                }
                try? AtomicFile.replace(path, with: Array(changed.joined(separator: "\n").utf8))
            }
        }
        try await lab.install()
        try await lab.move(to: try greenHas(50))
        #expect(lab.shares(of: 60) == ["blue": 60])
        try await lab.move(to: try greenHas(100))
        #expect(lab.shares(of: 10)["blue"] == nil)
    }

    @Test func `a switch runs no command`() async throws {
        let lab = try await SwitchboardLab.installed()
        let path = lab.folder.path
        try lab.folder.write("nginx.sh", "echo x >>\(path)/runs\nexec nginx \"$@\"\n")
        let next = lab.successor { $0.test = ["sh", "\(path)/nginx.sh"] + $0.test.dropFirst() }
        try await next.inspect()
        let runs = lab.text("runs")
        #expect(!runs.isEmpty)
        for share in [25, 50, 100, 0] {
            _ = try await next.commit(try await next.stage(try greenHas(share), token: firstToken))
        }
        #expect(lab.text("runs") == runs)
        // But whatever was done to the configuration is looked at.
        try lab.folder.write(
            "nginx.conf",
            lab.text("nginx.conf").replacing("$bgdeploy_app_pool", with: "app")
        )
        await #expect(throws: LoadBalancerError.self) {
            try await next.stage(try greenHas(25), token: firstToken)
        }
    }
}
