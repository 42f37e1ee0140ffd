import DeployCore
import DeployPorts
import Foundation
import Glibc
import Testing
import TrafficJudgement

@testable import MetricSources

@Suite struct LogFeedTests {
    // MARK: files

    @Test func `a file is read from its end, whole lines only`() async throws {
        let lab = try Lab()
        try lab.write("log", line("blue") + #"{"st":2"#)
        let source = source(.file(path: lab.path("log")))
        try await source.open()
        // The rest of a line whose beginning was there before.
        try lab.append("log", #"00,"ua":"127.0.0.1:1","us":"200"}"# + "\n" + line("green").dropLast(10))
        #expect(try await count(source) == [0, 0])
        try lab.append("log", line("green").suffix(10) + line("blue", status: 500))
        let samples = try await source.collect()
        #expect(samples[.green]?.requests == 1)
        #expect(samples[.blue]?.errors == 1)
        #expect(try await count(source) == [0, 0])
        await source.close()
    }

    @Test func `a renamed file is read to its end while the new one has begun`() async throws {
        let lab = try Lab()
        try lab.write("log", "")
        let source = source(.file(path: lab.path("log")))
        try await source.open()
        try lab.append("log", line("blue"))
        #expect(try await count(source) == [1, 0])
        try FileManager.default.moveItem(atPath: lab.path("log"), toPath: lab.path("log.1"))
        try lab.append("log.1", line("blue"))
        #expect(try await count(source) == [1, 0])
        // Created by logrotate, before nginx is told.
        try lab.write("log", line("green"))
        try lab.append("log.1", line("blue"))
        #expect(try await count(source) == [1, 1])
        try lab.append("log.1", line("blue") + line("blue"))
        try lab.append("log", line("green"))
        #expect(try await count(source) == [2, 1])
        await source.close()
    }

    @Test func `a truncated file is read from its beginning, also when it has grown past the old place`()
        async throws
    {
        let lab = try Lab()
        try lab.write("log", "")
        let source = source(.file(path: lab.path("log")))
        try await source.open()
        try lab.append("log", line("blue") + line("blue"))
        #expect(try await count(source) == [2, 0])
        truncate(lab.path("log"), 0)
        try lab.append("log", line("green"))
        #expect(try await count(source) == [0, 1])
        truncate(lab.path("log"), 0)
        try lab.append("log", line("blue", status: 404) + line("green") + line("green"))
        #expect(try await count(source) == [1, 2])
        await source.close()
    }

    @Test func `an endless line is passed over`() async throws {
        let lab = try Lab()
        try lab.write("log", "")
        let source = source(.file(path: lab.path("log")))
        try await source.open()
        try lab.append("log", String(repeating: "x", count: 300_000))
        await #expect(throws: MetricsError.self) { try await source.collect() }
        try lab.append("log", String(repeating: "x", count: 300_000) + "\n" + line("green"))
        #expect(try await count(source) == [0, 1])
        await source.close()
    }

    @Test func `what cannot be followed is unusable`() async throws {
        let lab = try Lab()
        for path in [lab.path("none"), lab.folder] {
            let error = await #expect(throws: MetricsError.self) {
                try await source(.file(path: path)).open()
            }
            guard case .unusable(let text) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(text.contains(path))
        }
    }

    // MARK: datagrams

    @Test func `datagrams come by a socket that everybody may write to and that is taken away`() async throws
    {
        let lab = try Lab()
        let path = lab.path("log.sock")
        let source = source(.unix(path: path))
        try await source.open()
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o666)
        for _ in 0..<5 { #expect(Sockets.datagram("<190>Nov 21 04:41:56 bg: " + line("green"), to: path)) }
        #expect(try await total(source, atLeast: 5) == [0, 5])
        await source.close()
        #expect(lstat(path, &status) != 0)
        await #expect(throws: MetricsError.noEvidence("the log is not open")) { try await source.collect() }
        try await source.open()
        #expect(try await count(source) == [0, 0])
        await source.close()
    }

    @Test func `datagrams come by a port of the loopback`() async throws {
        let port = Sockets.freePort()
        let source = source(.udp(port: port))
        try await source.open()
        #expect(Sockets.datagram(line("blue"), to: "\(port)"))
        #expect(try await total(source, atLeast: 1) == [1, 0])
        let second = self.source(.udp(port: port))
        await #expect(
            throws: MetricsError.unusable(
                "cannot receive the log on udp:127.0.0.1:\(port): another process has this port"
            )
        ) { try await second.open() }
        await source.close()
    }

    @Test func `a socket left by a dead process is replaced`() async throws {
        let lab = try Lab()
        let path = lab.path("log.sock")
        let descriptor = Sockets.unixDatagram()
        #expect(Sockets.withUnix(path) { bind(descriptor, $0, $1) } == 0)
        close(descriptor)
        let source = source(.unix(path: path))
        try await source.open()
        #expect(Sockets.datagram(line("green"), to: path))
        #expect(try await total(source, atLeast: 1) == [0, 1])
        await source.close()
    }

    @Test func `a socket in use, a file and a missing folder are left alone and named`() async throws {
        let lab = try Lab()
        let first = source(.unix(path: lab.path("used.sock")))
        try await first.open()
        try lab.write("file.sock", "precious")
        for (name, words) in [
            ("used.sock", "another process listens there"), ("file.sock", "not a socket"),
            ("no/x.sock", "folder does not"),
        ] {
            let path = lab.path(name)
            let error = await #expect(throws: MetricsError.self) {
                try await source(.unix(path: path)).open()
            }
            guard case .unusable(let text) = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
            #expect(text.contains(words))
        }
        #expect(try String(contentsOfFile: lab.path("file.sock"), encoding: .utf8) == "precious")
        #expect(Sockets.datagram(line("green"), to: lab.path("used.sock")))
        #expect(try await total(first, atLeast: 1) == [0, 1])
        await first.close()
    }

    @Test func `a flood is counted to the last datagram`() async throws {
        let lab = try Lab()
        let path = lab.path("log.sock")
        let source = source(.unix(path: path))
        try await source.open()
        let text = line("green")
        var sent = 0
        // The socket blocks the sender when the queue is full: nothing is lost on this side.
        for _ in 0..<5000 where Sockets.datagram(text, to: path) { sent += 1 }
        #expect(sent == 5000)
        #expect(try await total(source, atLeast: sent) == [0, sent])
        await source.close()
    }

    @Test func `what the kernel drops of UDP is counted, once`() async throws {
        let port = Sockets.freePort()
        let receiver = try DatagramReceiver(.udp(port: port))
        #expect(receiver.takeLoss() == LogLoss())
        // Nobody reads yet: more than any buffer that we are given.
        let large = String(repeating: "x", count: 60_000)
        for _ in 0..<400 { Sockets.datagram(large, to: "\(port)") }
        #expect(receiver.takeLoss().dropped > 0)
        #expect(receiver.takeLoss() == LogLoss())
        receiver.start { _ in }
        await receiver.stop()
    }

    @Test func `a socket whose queue was full is told of`() async throws {
        let lab = try Lab()
        let path = lab.path("log.sock")
        let receiver = try DatagramReceiver(.unix(path: path))
        let length = try String(contentsOfFile: "/proc/sys/net/unix/max_dgram_qlen", encoding: .utf8)
        let full = try #require(Int(length.trimmingCharacters(in: .whitespacesAndNewlines))) + 1
        for _ in 0..<full { #expect(Sockets.datagram(line("green"), to: path)) }
        receiver.start { _ in }
        #expect(await eventually { receiver.takeLoss().fullQueues == 1 })
        await receiver.stop()
        #expect(
            LogShortfall.text(lines: full, unparsed: 0, format: "`bg`", LogLoss(fullQueues: 1))?
                .contains("raise net.unix.max_dgram_qlen or use udp:") == true
        )
    }

    // MARK: shared

    private func source(_ place: LogPlace) -> NginxLogSource {
        NginxLogSource(place, servers: [.blue: ["127.0.0.1:1"], .green: ["127.0.0.1:2"]])
    }

    private func line(_ environment: String, status: Int = 200) -> String {
        let port = environment == "blue" ? 1 : 2
        return #"{"st":\#(status),"ua":"127.0.0.1:\#(port)","us":"\#(status)","ut":"0.001"}"# + "\n"
    }
}

/// Requests of blue and green since the last call.
func count(_ source: any MetricsSource) async throws -> [Int?] {
    let samples = try await source.collect()
    return [samples[.blue]?.requests, samples[.green]?.requests]
}

/// Requests of blue and green, collected until there are enough.
func total(_ source: any MetricsSource, atLeast enough: Int) async throws -> [Int] {
    let samples = try await samples(source, atLeast: enough)
    return [samples[.blue]?.requests ?? 0, samples[.green]?.requests ?? 0]
}

func samples(
    _ source: any MetricsSource,
    atLeast enough: Int,
    errors: Int = 0
) async throws -> [EnvironmentName: TrafficSample] {
    var sum: [EnvironmentName: TrafficSample] = [:]
    _ = try await eventually {
        for (name, sample) in try await source.collect() { sum[name, default: TrafficSample()] += sample }
        return sum.values.reduce(0) { $0 + $1.requests } >= enough
            && sum.values.reduce(0) { $0 + $1.errors } >= errors
    }
    return sum
}
