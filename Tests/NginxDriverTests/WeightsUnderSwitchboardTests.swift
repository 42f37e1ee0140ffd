@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// A playbook that says `mode: weights` where a switchboard divides the traffic.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct WeightsUnderSwitchboardTests {
    private func byWeights(_ lab: SwitchboardLab) -> NginxBalancer {
        var settings = lab.settings
        (settings.mode, settings.directory) = (.weights, nil)
        return NginxBalancer(settings, timekeeper: LabClock())
    }

    @Test func `nothing is changed, and what to do is said`() async throws {
        let lab = try await SwitchboardLab.installed()
        try await lab.move(to: try greenHas(25))
        let balancer = byWeights(lab)
        let file = try SafeFile.read(lab.file)
        let mark = try await balancer.mark()
        let next = FencingToken(epoch: firstToken.epoch, counter: firstToken.counter + 1)
        let refusals = [
            await failure { try await balancer.inspect() },
            await failure { _ = try await balancer.stage(try greenHas(100), token: next) },
            await failure {
                _ = try await balancer.stage(try greenHas(0), token: next, isReturn: true)
            },
            await failure {
                _ = try await balancer.restore(by: Actor("ada"), reason: "test")
            },
        ]
        for refusal in refusals {
            guard case .misconfigured(let text) = refusal else {
                Issue.record("not refused: \(String(describing: refusal))")
                continue
            }
            #expect(
                text.contains("mode: switchboard") && text.contains("app.conf.app.server.conf"),
                "\(text)"
            )
            #expect(text.lowercased().contains("nothing was changed"), "\(text)")
        }
        #expect(try SafeFile.read(lab.file) == file)
        #expect(try await balancer.mark() == mark)
        #expect(lab.board.current?.split([blue, green]) == (try greenHas(25)))
    }

    @Test func `the weights are not told as the split`() async throws {
        let lab = try await SwitchboardLab.installed()
        let seen = try await byWeights(lab).observe()
        #expect(seen.split == nil && seen.fileSplit?.live == blue)
        #expect(seen.remarks.contains { $0.contains("mode: switchboard") }, "\(seen.remarks)")
    }

    @Test func `a switchboard that was taken out is no obstacle`() async throws {
        let lab = try await SwitchboardLab()
        let (app, main) = (lab.text("app.conf"), lab.text("nginx.conf"))
        try await lab.install()
        try lab.folder.write("app.conf", app)
        try lab.folder.write("nginx.conf", main)
        try await lab.reload()
        let balancer = byWeights(lab)
        try await balancer.inspect()
        let seen = try await balancer.commit(try await balancer.stage(try greenHas(100), token: firstToken))
        #expect(seen.split?.live == green)
        #expect(lab.shares() == ["green": 40])
    }
}
