@testable import BalancerLab
import DeployCore
import DeployPorts
import Testing

@testable import NginxDriver

struct NginxAdviceTests {
    private func dump(_ files: [(String, String)]) -> DumpedConfiguration {
        DumpedConfiguration(
            "nginx: the configuration file n.conf syntax is ok\n"
                + files.map { "# configuration file \($0.0):\n\($0.1)\n" }.joined(separator: "\n")
        )
    }

    @Test(arguments: [
        ("nginx version: nginx/1.22.1\n", "1.22.1"), ("nginx version: openresty/1.27.1.2\n", "1.27.1"),
        ("warning\nnginx version: nginx/1.18.0 (Ubuntu)\n", "1.18.0"), ("", ""),
        ("nginx version: nginx/x", ""),
    ])
    func `the version is read from nginx's own words`(output: String, version: String) {
        #expect(NginxVersion(output: output)?.description ?? "" == version)
    }

    @Test func `below 1_27_4 a reload's cost is told, and from then on how to avoid it`() throws {
        let old = try #require(NginxVersion(output: "nginx version: nginx/1.26.3"))
        let new = try #require(NginxVersion(output: "nginx version: nginx/1.27.4"))
        let plain = dump([("/n.conf", "http { server { location / { return 204; } } }")])
        let set = dump([("/n.conf", "http { include a; }"), ("/a", "keepalive_min_timeout 1s;")])
        let off = dump([("/n.conf", "http { keepalive_timeout 0; }")])
        #expect(NginxAdvice.keepAlive(old, plain)?.detail.contains("mode: switchboard") == true)
        #expect(NginxAdvice.keepAlive(new, plain)?.detail.contains("plus a round trip") == true)
        #expect(NginxAdvice.keepAlive(new, set) == nil)
        #expect(NginxAdvice.keepAlive(old, off) == nil)
        #expect(NginxAdvice.keepAlive(nil, plain) == nil)
    }

    @Test(arguments: [
        ("200ms", true), ("10", true), ("59s", true), ("1m", false), ("1h30m", false), ("x", false),
    ])
    func `a shutdown timeout below a minute is told`(value: String, isTold: Bool) {
        let found = NginxAdvice.shutdown(dump([("/n.conf", "worker_shutdown_timeout \(value);")]))
        #expect((found != nil) == isTold)
    }

    @Test func `copies that an include takes in are told, and a cache of open files`() {
        let files = dump([
            ("/n.conf", "http { server { location / { open_file_cache max=10; } } }"), ("/sites/app", ""),
            ("/sites/app.bak", "upstream a { server b; }"), ("/sites/x~", ""),
        ])
        #expect(
            NginxAdvice.strayFiles(files).map { $0.what.split(separator: " ")[2] } == [
                "/sites/app.bak,", "/sites/x~,",
            ]
        )
        #expect(NginxAdvice.openFileCache(files)?.what.contains("/n.conf") == true)
        #expect(NginxAdvice.openFileCache(dump([("/n.conf", "http { open_file_cache off; }")])) == nil)
    }

    @Test(.enabled(if: isInstalled("nginx"), "nginx is not installed"))
    func `a real nginx is examined`() async throws {
        let lab = try await NginxLab()
        let text = lab.folder.text("app.conf")
        #expect(await NginxAdvice.advice(for: lab.settings).allSatisfy { $0.what.contains("keep-alive") })
        try lab.folder.write("app.conf", text.replacing("zone app 64k;", with: ""))
        try lab.folder.write("nginx.conf", "worker_shutdown_timeout 200ms;\n" + lab.main())
        let found = await NginxAdvice.advice(for: lab.settings).map(\.what)
        #expect(found.contains { $0.contains("has no `zone`") })
        #expect(found.contains { $0.contains("worker_shutdown_timeout 200ms") })
    }
}
