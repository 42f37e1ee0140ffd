@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

/// What a reload by somebody does, with a real one.
@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct ReloadTests {
    @Test(arguments: [HAProxyMode.weights, .map])
    func `a reload by somebody is told, with the split that runs since`(_ mode: HAProxyMode) async throws {
        let lab = try await HAProxyLab(options: ["-W"]) { $0.mode = mode }
        try await lab.put(try greenHas(25))
        #expect(try await lab.balancer.observe().remarks.isEmpty)
        // What was set by hand is what a reload loses.
        let before = try await lab.process()
        switch mode {
        case .weights: try await lab.tell("set server app/blue1 weight 0")
        case .map: try await lab.tell("set map \(try layout(lab).sharePath) green 1000")
        }
        #expect(try await lab.balancer.observe().split?.live == green)
        try await lab.reload()
        let seen = try await lab.balancer.observe()
        #expect(seen.split == (try greenHas(25)) && seen.fileSplit == seen.split)
        let remark = try #require(seen.remarks.first { $0.contains("reloaded by somebody at 2") })
        #expect(remark.contains("process \(before.id)") && remark.contains("green 25 %"))
        #expect(try await lab.balancer.observe().remarks == seen.remarks, "it is told until we write again")
        let next = try await lab.put(try greenHas(50))
        #expect(next.split == (try greenHas(50)))
        #expect(try await lab.balancer.observe().remarks.isEmpty)
    }

    @Test(arguments: [HAProxyMode.weights, .map])
    func `a reload between stage and commit does not keep the split from coming`(
        _ mode: HAProxyMode
    ) async throws {
        for isReplaced in [false, true] {
            let lab = try await HAProxyLab(options: isReplaced ? [] : ["-W"]) { $0.mode = mode }
            let staged = try await lab.balancer.stage(try greenHas(50), token: firstToken)
            if isReplaced { try await lab.replaceProcess() } else { try await lab.reload() }
            let seen = try await lab.balancer.commit(staged)
            #expect(seen.split == (try greenHas(50)) && seen.fileSplit == seen.split)
            #expect(seen.remarks.contains { $0.contains("reloaded by somebody") })
            let again = try await lab.balancer.observe()
            #expect(again.split == (try greenHas(50)) && again.remarks.isEmpty)
            try await lab.awaitShares()
        }
    }

    @Test(arguments: [HAProxyMode.weights, .map])
    func `reloads all the time leave the split that was committed last`(_ mode: HAProxyMode) async throws {
        let lab = try await HAProxyLab(options: ["-W"]) { $0.mode = mode }
        for round in 0..<6 {
            let share = round % 2 == 0 ? 50 : 0
            async let reload: Void = lab.reload()
            let seen = try await lab.put(try greenHas(share))
            #expect(seen.split == (try greenHas(share)))
            try await reload
            // The new process has read the file before or after it was written.
            let now = try await lab.balancer.observe()
            if now.split != (try greenHas(share)) {
                #expect(now.remarks.contains { $0.contains("reloaded by somebody") }, "\(now)")
                try await lab.put(try greenHas(share))
            }
            #expect(try await lab.balancer.observe().split == (try greenHas(share)))
        }
    }

    @Test func `a state file keeps the running weights over a reload, and both are told`() async throws {
        let folder = LabFolder()
        let state = folder.path + "/state"
        try folder.write("state", "1\n")
        let lab = try await HAProxyLab(
            .init(global: "server-state-file \(state)", defaults: "load-server-state-from-file global"),
            options: ["-W"]
        )
        try await lab.put(try greenHas(25))
        // A state counts only where the file's weight is that of the process which wrote it.
        try folder.write("state", try await lab.tell("show servers state"))
        try await lab.reload()
        #expect(try await lab.balancer.observe().split == (try greenHas(25)))
        // Somebody's own weights, kept by somebody's own state file.
        try await lab.tell("set server app/green1 weight 3")
        try folder.write("state", try await lab.tell("show servers state"))
        try await lab.reload()
        let seen = try await lab.balancer.observe()
        #expect(seen.split == (try greenHas(50)))
        #expect(seen.fileSplit == (try greenHas(25)))
        #expect(seen.remarks.contains { $0.contains("reloaded by somebody") })
        #expect(seen.remarks.contains { $0.contains("the file asks for") })
        let next = try await lab.put(try greenHas(25))
        #expect(next.split == (try greenHas(25)) && next.fileSplit == next.split)
        try folder.write("state", try await lab.tell("show servers state"))
        try await lab.reload()
        #expect(try await lab.balancer.observe().split == (try greenHas(25)))
    }

    @Test func `a server that warms up after a check is told to get less`() async throws {
        let lab = try await HAProxyLab(.init(server: "slowstart 60s"))
        try await lab.put(try greenHas(50))
        try await lab.tell("set server app/green1 state maint")
        try await lab.tell("set server app/green1 state ready")
        let seen = try await lab.balancer.observe()
        #expect(seen.remarks.contains { $0.contains("green1 is warming up (slowstart)") })
    }

    private func layout(_ lab: HAProxyLab) throws -> MapLayout {
        try MapLayout(lab.settings, MarkedFile(lab.file, entry: "app"))
    }
}

extension HAProxyLab {
    /// Both environments answer, as they do soon after a reload.
    fileprivate func awaitShares() async throws {
        try await eventually("both environments answer") { self.shares(of: 10).count == 2 }
    }
}
