@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct InstallationTests {
    @Test func `a missing file is written with everything on the first environment`() async throws {
        let lab = try await NginxLab()
        let balancer = lab.successor {
            $0.mode = .generated; $0.file += ".d"; $0.upstream = "app_all"
        }
        #expect(try await balancer.mark() == .none)
        for attempt in [
            { _ = try await balancer.observe() },
            { _ = try await balancer.stage(try greenHas(50), token: firstToken) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: LoadBalancerError.self) { try await attempt() }
            #expect(error?.message.contains("bgdeploy traffic install") == true)
        }
        let installation = try await balancer.installation()
        #expect(installation.changes.count == 1 && installation.changes[0].before.isEmpty)
        #expect(installation.remarks.contains { $0.contains("proxy_pass http://$app_pool;") })
        #expect(installation.remarks.contains { $0.contains("traffic set green=100") })
        try await balancer.install(installation, token: firstToken)
        let installed = try await balancer.installation()
        #expect(installed.isComplete)
        #expect(!installed.remarks.isEmpty)
        // The user's part, and nginx's.
        try lab.folder.write(
            "nginx.conf",
            lab.main(extra: "include \(lab.folder.path)/app.conf.d;")
                .replacing("http://app;", with: "http://$app_pool;")
        )
        try await lab.reload()
        #expect(try await balancer.installation() == Installation())
        #expect(try await balancer.observe().split?.live == blue)
        #expect(try await balancer.mark().token == firstToken)
        _ = try await balancer.commit(try await balancer.stage(try greenHas(100), token: firstToken))
        #expect(lab.shares() == ["green": 40])
    }

    @Test func `servers that changed in the playbook are written and loaded, and the split stays`()
        async throws
    {
        let lab = try await NginxLab.generated()
        try await lab.apply(try greenHas(50))
        let more = WebBackend("blue2")
        let balancer = lab.successor { settings in
            let servers = settings.environments[0].servers + [more.address]
            settings.environments[0] = EnvironmentSpec(name: blue, url: "", servers: servers)
        }
        let seen = try await balancer.observe()
        #expect(seen.split == (try greenHas(50)))
        #expect(seen.remarks.contains { $0.contains("the next change writes them") })
        let installation = try await balancer.installation()
        #expect(installation.changes.count == 1)
        try await balancer.install(installation, token: firstToken)
        #expect(lab.shares(of: 40) == ["blue": 10, "blue2": 10, "green": 20])
        #expect(try await balancer.observe().remarks.isEmpty)
        #expect(try await balancer.installation().isComplete)
    }

    @Test func `an edit by hand is written over only by an installation that showed it`() async throws {
        let lab = try await NginxLab.generated()
        let ours = lab.folder.text("app.conf")
        let installation: Installation
        try lab.folder.write("app.conf", ours + "# edit\n")
        installation = try await lab.balancer.installation()
        #expect(String(decoding: installation.changes[0].before, as: UTF8.self) == ours + "# edit\n")
        try lab.folder.write("app.conf", ours + "# another\n")
        let error = await #expect(throws: LoadBalancerError.self) {
            try await lab.balancer.install(installation, token: firstToken)
        }
        guard case .drifted = error else { Issue.record("\(String(describing: error))"); return }
        #expect(lab.folder.text("app.conf") == ours + "# another\n")
        try await lab.balancer.install(try await lab.balancer.installation(), token: firstToken)
        #expect(lab.folder.text("app.conf") == ours)
    }

    @Test func `a text that nginx refuses is not installed`() async throws {
        let lab = try await NginxLab.generated()
        let before = try SafeFile.read(lab.file)
        let bad = EnvironmentSpec(name: green, url: "", servers: ["127.0.0.1:99999"])
        let balancer = lab.successor { $0.environments[1] = bad }
        let fresh = lab.successor {
            $0.environments[1] = bad; $0.file += ".new"
        }
        try lab.folder.write("nginx.conf", lab.main(extra: "include \(lab.folder.path)/app.conf.n*;"))
        for target in [balancer, fresh] {
            let error = await #expect(throws: LoadBalancerError.self) {
                try await target.install(try await target.installation(), token: firstToken)
            }
            guard case .rejected = error else { Issue.record("\(String(describing: error))"); return }
        }
        #expect(try SafeFile.read(lab.file).bytes == before.bytes)
        #expect(access(lab.file + ".new", F_OK) != 0)
        #expect(lab.shares() == ["blue": 40])
    }
}
