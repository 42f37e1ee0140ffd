import DeployCore
import DeployPorts
import Foundation
import Synchronization
import Testing
import TrafficJudgement

@testable import MetricSources

/// With a real nginx and the log format that is shipped, word by word.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: nginx), "nginx is not installed"))
struct NginxLogSourceTests {
    @Test func `a retry hides the failing candidate from the users, not from the source`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer(.init(status: 500)))
        let log = "unix:\(lab.path("bg.sock"))"
        let port = try startNginx(lab, [blue, green], syslog: "server=\(log)")
        let source = try source(log, blue, green)
        try await source.open()
        var found: [EnvironmentName: TrafficSample] = [:]
        for _ in 0..<20 {
            #expect(Sockets.get(port) == 200)
            // One after the other: nginx drops lines when the socket's short queue is full on a busy machine.
            for (name, sample) in try await samples(source, atLeast: 1) {
                found[name, default: TrafficSample()] += sample
            }
        }
        // Weights 1 and 1: every second request was given to green first.
        #expect(found[.green]?.requests == 10)
        #expect(found[.green]?.errors == 10)
        #expect(found[.green]?.retried == 10)
        #expect(found[.blue]?.requests == 10)
        #expect(found[.blue]?.retried == 0)
        #expect(found[.blue]?.errors == 0)
        await source.close()
    }

    @Test func `a candidate that is gone has errors, and durations are those of the server`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let logPort = Sockets.freePort()
        let log = "udp:127.0.0.1:\(logPort)"
        let port = try startNginx(lab, [blue, green], syslog: "server=127.0.0.1:\(logPort)")
        let source = try source(log, blue, green)
        try await source.open()
        green.answer.withLock { $0.delay = 60 }
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        var found = try await samples(source, atLeast: 10)
        #expect(found[.green]?.errors == 0)
        let (slow, fast) = (found[.green]?.latencies, found[.blue]?.latencies)
        #expect(slow?.count == 5)
        #expect(try #require(slow?.percentile(0)) >= 57)
        #expect(try #require(fast?.percentile(0.5)) < 57)
        green.stop()
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        found = try await samples(source, atLeast: 10)
        #expect(found[.green]?.requests == 5)
        #expect(found[.green]?.errors == 5)
        await source.close()
    }

    @Test func `a dead candidate with all the traffic fails with every request`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let file = lab.path("bg.log")
        // With its default `max_fails`, nginx asks a dead server once in ten seconds and logs the group's name.
        let servers = "server \(blue.address) down; server \(green.address);"
        let port = try startNginx(lab, servers, file: file)
        let source = try source(file, blue, green)
        try await source.open()
        #expect(Sockets.get(port) == 200)
        green.stop()
        for _ in 0..<10 { #expect(Sockets.get(port) == 502) }
        let found = try await samples(source, atLeast: 11)
        #expect(found[.green]?.requests == 11)
        #expect(found[.green]?.errors == 10)
        #expect(found[.green]?.retried == 0)
        #expect(found[.blue] == TrafficSample())
        #expect(try String(contentsOfFile: file, encoding: .utf8).contains(#""ua":"app","us":"502""#))
        await source.close()
    }

    @Test func `a client that leaves is counted apart`() async throws {
        let (lab, blue, slow) = (try Lab(), try TinyServer(), try TinyServer(.init(delay: 3000)))
        let file = lab.path("bg.log")
        let port = try startNginx(lab, [blue, slow], file: file)
        let source = try source(file, blue, slow)
        try await source.open()
        let answers = (0..<6).map { _ in Sockets.get(port, patience: 700) }
        #expect(answers.filter { $0 == nil }.count == 3)
        var found: [EnvironmentName: TrafficSample] = [:]
        _ = try await eventually {
            for (name, sample) in try await source.collect() {
                found[name, default: TrafficSample()] += sample
            }
            return found[.green]?.abandoned == 3
        }
        let green = try #require(found[.green])
        #expect(green.requests == 0 && green.errors == 0)
        // What they waited is what is known of a server that is too slow for its clients.
        #expect(green.latencies.count == 3)
        #expect(try #require(green.latencies.percentile(0)) >= 650)
        #expect(found[.blue]?.requests == 3)
        #expect(found[.blue]?.abandoned == 0)
        await source.close()
    }

    @Test func `what nginx answers by itself is nobody's`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let log = "unix:\(lab.path("bg.sock"))"
        let port = try startNginx(lab, [blue, green], syslog: "server=\(log)")
        let source = try source(log, blue, green)
        try await source.open()
        for _ in 0..<5 { #expect(Sockets.get(port, "/own") == 204) }
        #expect(Sockets.get(port) == 200)
        #expect(try await total(source, atLeast: 1).reduce(0, +) == 1)
        await source.close()
    }

    @Test func `a log file is followed while nginx reopens it`() async throws {
        let (lab, blue, green) = (try Lab(), try TinyServer(), try TinyServer())
        let file = lab.path("bg.log")
        let port = try startNginx(lab, [blue, green], file: file)
        let source = try source(file, blue, green)
        try await source.open()
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        #expect(try await total(source, atLeast: 10) == [5, 5])
        try FileManager.default.moveItem(atPath: file, toPath: file + ".1")
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        try lab.start(nginx, ["-c", lab.path("nginx.conf"), "-e", lab.path("error.log"), "-s", "reopen"])
        #expect(await eventually { FileManager.default.fileExists(atPath: file) })
        for _ in 0..<10 { #expect(Sockets.get(port) == 200) }
        #expect(try await total(source, atLeast: 20) == [10, 10])
        await source.close()
    }

    // MARK: shared

    private func source(_ log: String, _ blue: TinyServer, _ green: TinyServer) throws -> NginxLogSource {
        var groups: [String: EnvironmentName?] = [:]
        groups.updateValue(nil, forKey: "app")
        return NginxLogSource(
            try LogPlace(log),
            servers: [.blue: [blue.address], .green: [green.address]],
            groups: groups
        )
    }

    /// The shipped snippet with its one active `access_log` line pointed at the test's place.
    private func snippet(syslog: String?, file: String?) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../nginx/log-format.conf"
        )
        let shipped = try String(contentsOf: root.standardizedFileURL, encoding: .utf8)
        let mark = "server=unix:/run/bgdeploy/mina.sock"
        #expect(shipped.components(separatedBy: mark).count == 2)
        if let syslog { return shipped.replacingOccurrences(of: mark, with: syslog) }
        var lines = shipped.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        lines.removeAll { $0.hasPrefix("access_log ") }
        let commented = "# access_log /var/log/nginx/mina.bg.log bg;"
        let index = try #require(lines.firstIndex(of: commented))
        lines[index] = "access_log \(try #require(file)) bg;"
        return lines.joined(separator: "\n")
    }

    private func startNginx(
        _ lab: Lab,
        _ servers: [TinyServer],
        syslog: String? = nil,
        file: String? = nil
    ) throws -> UInt16 {
        let lines = servers.map { "server \($0.address) max_fails=0;" }.joined(separator: " ")
        return try startNginx(lab, lines, syslog: syslog, file: file)
    }

    private func startNginx(
        _ lab: Lab,
        _ servers: String,
        syslog: String? = nil,
        file: String? = nil
    ) throws -> UInt16 {
        // A free port may be another test's by the time nginx asks for it.
        for _ in 0..<5 {
            if let port = try startNginxOnce(lab, servers, syslog: syslog, file: file) { return port }
        }
        throw MetricsError.unusable("nginx got none of five ports")
    }

    /// `nil` when nginx ends because its port is taken.
    private func startNginxOnce(
        _ lab: Lab,
        _ servers: String,
        syslog: String?,
        file: String?
    ) throws -> UInt16? {
        let port = Sockets.freePort()
        try lab.write("log-format.conf", try snippet(syslog: syslog, file: file))
        try lab.write(
            "nginx.conf",
            """
            worker_processes 1; pid \(lab.path("nginx.pid")); error_log \(lab.path("error.log"));
            events { worker_connections 256; }
            http {
                client_body_temp_path \(lab.path("b")); proxy_temp_path \(lab.path("p"));
                fastcgi_temp_path \(lab.path("f")); uwsgi_temp_path \(lab.path("u")); scgi_temp_path \(lab.path("s"));
                include \(lab.path("log-format.conf"));
                upstream app { zone app 64k; \(servers) }
                server {
                    listen 127.0.0.1:\(port);
                    location /own { return 204; }
                    location / { proxy_pass http://app; proxy_next_upstream error timeout http_500; }
                }
            }
            """
        )
        let process = try lab.start(
            nginx,
            ["-c", lab.path("nginx.conf"), "-e", lab.path("error.log"), "-g", "daemon off;"]
        )
        let end = ContinuousClock.now + .seconds(60)
        while process.isRunning {
            // The file with its number is there once it has bound its port.
            if FileManager.default.fileExists(atPath: lab.path("nginx.pid")), Sockets.listens(port) {
                return port
            }
            try #require(ContinuousClock.now < end, "nginx does not listen")
            usleep(5000)
        }
        return nil
    }
}

private let nginx = "/usr/sbin/nginx"
