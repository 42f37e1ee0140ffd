import Foundation

/// A real Redis on a socket in a folder of its own, and with TLS on a port when it has a certificate.
public final class RedisServer {
    public let folder: Folder
    public let tlsPort: Int?
    private let program: Program

    public var socket: String { "\(folder.path)/redis.sock" }
    public var url: String { "unix://\(socket)" }

    /// Somebody else may take the port before Redis does: then another is tried.
    public init(password: String? = nil, certificate: TestCertificate? = nil) throws {
        folder = try Folder()
        var attempt = 1
        while true {
            let port = try certificate.map { _ in try Self.freePort() }
            do {
                program = try Self.start(in: folder, password, certificate, port)
                tlsPort = port
                return
            } catch {
                attempt += 1
                guard certificate != nil, attempt <= 5 else {
                    folder.remove()
                    throw error
                }
            }
        }
    }

    public func stop() {
        program.kill()
        folder.remove()
    }

    private static func start(
        in folder: Folder,
        _ password: String?,
        _ certificate: TestCertificate?,
        _ port: Int?
    ) throws -> Program {
        let socket = "\(folder.path)/redis.sock"
        var arguments = [
            "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
            "--dir", folder.path,
        ]
        if let password { arguments += ["--requirepass", password] }
        if let certificate, let port {
            arguments += [
                "--tls-port", String(port), "--bind", "127.0.0.1", "--tls-cert-file", certificate.file,
                "--tls-key-file", certificate.key, "--tls-auth-clients", "no",
            ]
        }
        let program = try Program(arguments, in: folder, name: "redis")
        do {
            // It words it in one way for a port and in another for a socket.
            try program.wait { program.output.contains("eady to accept connections") }
        } catch {
            program.kill()
            throw error
        }
        return program
    }

    private static func freePort() throws -> Int {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard code == 0 else { throw Program.Failure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
