import DatabaseDiagnosis
import Glibc
import ServiceLab
import Testing

/// Databases that cannot be looked at.
@Suite struct UnreachableTests {
    private func failure(_ url: String, limit: Duration = .seconds(60)) async throws -> DiagnosisError? {
        await #expect(throws: DiagnosisError.self) {
            try await Diagnostician(url: url, limit: limit).diagnose()
        }
    }

    @Test(arguments: ["mysql://u:s3cr3t@h/d", "s3cr3t", "postgresql://u:s3cr3t@h:port/d", ""])
    func `what is no URL is not told`(url: String) async throws {
        guard case .badURL(let text)? = try await failure(url) else {
            Issue.record("\(url) was taken")
            return
        }
        #expect(text.contains("postgresql://USER:PASSWORD@HOST") && !text.contains("s3cr3t"))
    }

    @Test func `nobody there`() async throws {
        let error = try await failure("postgresql://u:s3cr3t@127.0.0.1:1/d")
        guard case .unreachable(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.hasPrefix("127.0.0.1:1/d: ") && !text.contains("s3cr3t"), "\(text)")
    }

    @Test func `one that takes the connection and says nothing is left when the time is over`() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                #expect(bind(listener, pointer, size) == 0 && listen(listener, 5) == 0)
                #expect(getsockname(listener, pointer, &size) == 0)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        let start = ContinuousClock.now
        let error = try await failure("postgresql://u@127.0.0.1:\(port)/d", limit: .seconds(1))
        #expect(ContinuousClock.now - start < .seconds(40))
        guard case .unreachable(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("no answer in time"), "\(text)")
    }

    @Test func `a wrong password is not shown`() async throws {
        try await Ward.with { ward, access in
            let error = try await failure(access.url(user: "guarded", password: "wr0ng"))
            guard case .unreachable(let text)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(text.contains("password authentication failed") && !text.contains("wr0ng"), "\(text)")
        }
    }
}
