@testable import DeployOperations
import Glibc
import Testing

/// Whether a server is told to refuse connections.
@Suite struct ConnectionProbeTests {
    /// A TCP socket on a port of its own.
    private final class Door {
        let descriptor: Int32
        let port: Int

        init(queue: Int32? = nil, host: String = "127.0.0.1") throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            try #require(inet_pton(AF_INET, host, &address.sin_addr) == 1)
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let socket = descriptor
            let codes = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    (bind(socket, $0, size), getsockname(socket, $0, &size))
                }
            }
            try #require(codes == (0, 0))
            port = Int(UInt16(bigEndian: address.sin_port))
            if let queue { try #require(listen(descriptor, queue) == 0) }
        }

        deinit { close(descriptor) }
    }

    private let probe = ConnectionProbe()

    @Test func `a server that listens takes connections`() async throws {
        let door = try Door(queue: 8)
        #expect(await probe.refusal(of: "127.0.0.1:\(door.port)") == nil)
        #expect(await probe.refusal(of: "localhost:\(door.port)") == nil)
        withExtendedLifetime(door) {}
    }

    @Test func `a port where nobody listens refuses`() async throws {
        let door = try Door()
        #expect(await probe.refusal(of: "127.0.0.1:\(door.port)") == "refuses connections")
        #expect(await probe.refusal(of: "localhost:\(door.port)") == "refuses connections")
        withExtendedLifetime(door) {}
    }

    @Test func `silence is no refusal, and is not waited for long`() async throws {
        // The kernel lets the requests of those who come to a full queue fall.
        let door = try Door(queue: 0)
        let others = (0..<4).map { _ in
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        defer { for other in others { close(other) } }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(door.port).bigEndian
        try #require(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr) == 1)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        for other in others {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = connect(other, $0, size) }
            }
        }
        let start = ContinuousClock.now
        #expect(await probe.refusal(of: "127.0.0.1:\(door.port)") == nil)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `what cannot be asked is not said to refuse`() async {
        for server in ["unix:/run/app.sock", "no.such.host.invalid:80", "a b", "300.1.1.1:80"] {
            #expect(await probe.refusal(of: server) == nil, "\(server)")
        }
    }
}
