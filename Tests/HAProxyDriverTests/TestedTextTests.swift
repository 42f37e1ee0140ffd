@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import HAProxyDriver

/// Which texts `haproxy -c` is asked about; it is behind a script that counts.
@Suite(.enabled(if: isInstalled("haproxy"), "haproxy is not installed"))
struct TestedTextTests {
    private func program(in folder: String) -> String { folder + "/haproxy-counted" }

    /// Makes the script, as old as a program has to be that is not just being replaced.
    private func writeProgram(_ lab: HAProxyLab, _ comment: String) async throws {
        let path = program(in: lab.folder.path)
        let text = "#!/bin/sh\n# \(comment)\necho >>\(lab.folder.path)/tests\nexec haproxy \"$@\"\n"
        try AtomicFile.replace(path, with: Array(text.utf8), newMode: 0o755)
        try await eventually("a settled program") { FileStamp(settled: path) != nil }
    }

    private func lab(_ mode: HAProxyMode = .weights) async throws -> HAProxyLab {
        let lab = try await HAProxyLab { settings in
            settings.mode = mode
            let folder = AtomicFile.folder(of: settings.file)
            settings.test = [folder + "/haproxy-counted", "-c", "-q", "-f", settings.file]
        }
        try await writeProgram(lab, "first")
        return lab
    }

    private func tests(_ lab: HAProxyLab) -> Int { lab.text("tests").utf8.count }

    /// A run of its own.
    private func put(_ lab: HAProxyLab, _ share: Int) async throws {
        let next = lab.successor()
        let seen = try await next.commit(try await next.stage(try greenHas(share), token: firstToken))
        #expect(seen.split == (try greenHas(share)) && seen.fileSplit == seen.split)
    }

    @Test(arguments: [HAProxyMode.weights, .map])
    func `a text that differs in weights alone is tested once`(_ mode: HAProxyMode) async throws {
        let lab = try await lab(mode)
        for share in [25, 100, 0, 50, 100] { try await put(lab, share) }
        #expect(tests(lab) == 1)
        try await lab.successor().inspect()
        #expect(tests(lab) == 2, "an inspection believes nothing that is remembered")
    }

    @Test func `an edit and another program are tested`() async throws {
        let lab = try await lab()
        try await put(lab, 100)
        try lab.folder.write("haproxy.cfg", lab.text("haproxy.cfg").replacing("# idle", with: "# spare"))
        try await put(lab, 0)
        #expect(tests(lab) == 2)
        try await writeProgram(lab, "upgraded")
        try await put(lab, 100)
        try await put(lab, 0)
        #expect(tests(lab) == 3)
    }

    @Test func `a text that does not pass is refused each time`() async throws {
        let lab = try await lab()
        try await put(lab, 100)
        let broken = lab.text("haproxy.cfg").replacing("mode http", with: "mode ftp")
        try lab.folder.write("haproxy.cfg", broken)
        for _ in 0..<2 {
            await #expect(throws: LoadBalancerError.self) { try await put(lab, 0) }
            #expect(lab.text("haproxy.cfg") == broken)
        }
        #expect(lab.shares() == ["green": 40])
    }

    @Test func `what is remembered and cannot be read costs a test`() async throws {
        let lab = try await lab()
        try await put(lab, 100)
        try lab.folder.write(".bgdeploy/haproxy.cfg.app.tested", "")
        try await put(lab, 0)
        #expect(tests(lab) == 2)
    }
}

extension HAProxyLab {
    fileprivate func text(_ name: String) -> String { folder.text(name) }
}
