@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// When nginx is asked what its configuration consists of; it is behind a script that counts.
@Suite(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
struct KnownConfigurationTests {
    private func lab() async throws -> SwitchboardLab {
        let main: (String) -> String = { path in
            NginxStart.head(path) + "http {\n" + NginxStart.paths(path)
                + "include \(path)/more/*.conf;\ninclude \(path)/app.conf;\n"
                + "server { listen unix:\(path)/door.sock; location / { proxy_pass http://app; } } }\n"
        }
        let lab = try await SwitchboardLab(
            .init(main: main, others: ["more/.keep": "", "nginx-counted": Self.script])
        ) { settings in
            let folder = AtomicFile.folder(of: settings.file)
            settings.test = ["\(folder)/nginx-counted"] + settings.test.dropFirst()
        }
        chmod("\(lab.folder.path)/nginx-counted", 0o755)
        try await lab.install()
        // Asked for the first time after everything was written.
        await tick()
        try await stage(lab)
        return lab
    }

    private static let script = """
        #!/bin/sh
        case " $* " in *" -T "*) echo >>@/asked ;; esac
        exec nginx $*

        """

    /// Returns once the clock that stamps files has moved on: what is as new as nginx's answer is not remembered.
    ///
    /// It waits for the fine clock's time: since Linux 6.13 a stamp may be finer, and so later, than the coarse clock.
    private func tick() async {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let latest = FileTime(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
        while KnownConfiguration.time() <= latest {
            await BlockingWork.run { MonotonicClock.pause(milliseconds: 1) }
        }
    }

    private func asked(_ lab: SwitchboardLab) -> Int { lab.folder.text("asked").utf8.count }

    /// How often a run of its own asks.
    @discardableResult
    private func stage(_ lab: SwitchboardLab, _ share: Int = 50) async throws -> Int {
        let before = asked(lab)
        let next = lab.successor()
        let staged = try await next.stage(try greenHas(share), token: firstToken)
        await next.discard(staged)
        return asked(lab) - before
    }

    @Test func `nginx is not asked again while nothing happens to its files`() async throws {
        let lab = try await lab()
        #expect(try await stage(lab) == 0)
        // A server without a weight gets one, which makes a text that nginx has not seen.
        for share in [25, 75] { try await lab.move(to: try greenHas(share)) }
        try await stage(lab)
        for share in [100, 25, 0, 75, 1] {
            let next = lab.successor()
            let before = asked(lab)
            let seen = try await next.commit(try await next.stage(try greenHas(share), token: firstToken))
            #expect(seen.split == (try greenHas(share)) && asked(lab) == before, "at \(share) %")
        }
        let before = asked(lab)
        try await lab.successor().inspect()
        #expect(asked(lab) > before, "an inspection believes nothing that is remembered")
    }

    @Test func `an edit of any file is seen`() async throws {
        let lab = try await lab()
        for name in ["nginx.conf", "app.conf"] {
            try lab.folder.write(name, lab.text(name) + "# mine\n")
            await tick()
            #expect(try await stage(lab) == 1, "\(name)")
            #expect(try await stage(lab) == 0, "\(name)")
        }
    }

    @Test func `a new file is seen in a folder where an include found nothing`() async throws {
        let lab = try await lab()
        try lab.folder.write("more/new.conf", "# nothing yet\n")
        await tick()
        #expect(try await stage(lab) == 1)
        try lab.folder.write("more/new.conf", "server { listen 127.0.0.1; nonsense on; }\n")
        await #expect(throws: LoadBalancerError.self) { try await stage(lab) }
        await #expect(throws: LoadBalancerError.self) { try await stage(lab) }
        #expect(lab.shares() == ["blue": 40])
    }
}
