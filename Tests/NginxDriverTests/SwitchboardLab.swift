@testable import BalancerLab
import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

@testable import NginxDriver

/// A real nginx in a folder of its own, before two environments; everything is on blue, and nothing is
/// installed.
final class SwitchboardLab: Sendable {
    let folder = LabFolder()
    let blueServer = WebBackend("blue")
    let greenServer = WebBackend("green")
    let balancer: NginxSwitchboard
    let settings: NginxSettings
    private let process: LabProcess

    var door: String { folder.path + "/door.sock" }
    var file: String { folder.path + "/app.conf" }
    var board: Board { balancer.board }

    /// What the configuration consists of: in `http`, in the upstream block, and in the server block.
    struct Texts {
        var http = ""
        var upstream = "    zone app 64k;\n"
        var server = "    location / { proxy_pass http://app; }\n"
        /// Its whole text, for another layout than the usual.
        var main: ((_ folder: String) -> String)?
        var app: ((_ blue: String, _ green: String) -> String)?
        var others: [String: String] = [:]
        /// Everything is on a disk of so many kilobytes; mounting needs root.
        var disk: Int?
    }

    init(
        _ texts: Texts = Texts(),
        _ change: (inout NginxSettings) -> Void = { _ in }
    ) async throws {
        let path = folder.path
        let (blueAddress, greenAddress) = (blueServer.address, greenServer.address)
        if let disk = texts.disk {
            let mount = try LabProcess([
                "mount", "-t", "tmpfs", "-o", "size=\(disk)k,mode=755", "tmpfs", path,
            ])
            waitpid(mount.id, nil, 0)
        }
        let app = texts.app?(blueAddress, greenAddress) ?? Self.app(texts, blueAddress, greenAddress)
        try folder.write("app.conf", app.replacing("@", with: path))
        for (name, text) in texts.others {
            if let slash = name.firstIndex(of: "/") { mkdir("\(path)/\(name[..<slash])", 0o755) }
            try folder.write(name, text.replacing("@", with: path))
        }
        try folder.write("nginx.conf", texts.main?(path) ?? Self.main(path, texts))
        process = try LabProcess(NginxStart.command(path) + ["-g", "daemon off;"])
        var settings = NginxStart.settings(path, blue: blueAddress, green: greenAddress)
        settings.mode = .switchboard
        settings.directory = "\(path)/board"
        change(&settings)
        self.settings = settings
        balancer = NginxSwitchboard(settings, timekeeper: LabClock())
        try await NginxStart.settle(process.id, in: folder)
    }

    /// One with everything in place.
    static func installed(
        _ texts: Texts = Texts(),
        _ change: (inout NginxSettings) -> Void = { _ in }
    ) async throws -> SwitchboardLab {
        let lab = try await SwitchboardLab(texts, change)
        try await lab.install()
        return lab
    }

    func install() async throws {
        try await balancer.install(try await balancer.installation(), token: .zero)
    }

    /// Another process's view of the same balancer: it knows nothing of what this one staged.
    func successor(_ change: (inout NginxSettings) -> Void = { _ in }) -> NginxSwitchboard {
        var settings = settings
        change(&settings)
        return NginxSwitchboard(settings, timekeeper: LabClock())
    }

    @discardableResult
    func move(
        to split: Split,
        token: FencingToken = firstToken,
        isReturn: Bool = false
    ) async throws -> BalancerObservation {
        try await balancer.commit(try await balancer.stage(split, token: token, isReturn: isReturn))
    }

    /// As somebody else would, waited for.
    func reload() async throws {
        let reload = NginxReload(master, errorLog: nil, proof: nil)
        try reload.signal()
        #expect(await reload.outcome(within: 30_000) == .inForce)
    }

    func end() { process.end() }

    var master: NginxMaster? { NginxMaster(process.id) }

    func shares(of count: Int = 40) -> [String: Int] { WebClient.shares(door, of: count) }

    func text(_ name: String) -> String { folder.text(name) }

    private static func app(_ texts: Texts, _ blue: String, _ green: String) -> String {
        "# edge\nupstream app {\n\(texts.upstream)    server \(blue) max_fails=0;\n"
            + "    server \(green) max_fails=0 down; # idle\n}\n"
    }

    private static func main(_ path: String, _ texts: Texts) -> String {
        NginxStart.head(path) + "http {\n" + NginxStart.paths(path) + texts.http
            + "  include \(path)/app.conf;\n  server {\n    listen unix:\(path)/door.sock;\n"
            + texts.server.replacing("@", with: path) + "  }\n}\n"
    }
}

/// Requests with headers of their own, over a socket in the file system.
enum SwitchboardClient {
    /// The whole answer; empty when there was none.
    static func exchange(_ path: String, _ target: String = "/", _ headers: [String]) -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard code == 0 else { return "" }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let lines = ["GET \(target) HTTP/1.1", "Connection: close"] + headers
        let host = headers.contains { $0.hasPrefix("Host:") } ? [] : ["Host: lab"]
        let request = Array(((lines + host).joined(separator: "\r\n") + "\r\n\r\n").utf8)
        send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        var (answer, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 14))
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            answer += chunk[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// The body of the answer.
    static func get(_ path: String, _ target: String = "/", _ headers: [String]) -> String {
        let text = exchange(path, target, headers)
        return text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }

    static func get(_ path: String, _ headers: [String]) -> String { get(path, "/", headers) }
}
