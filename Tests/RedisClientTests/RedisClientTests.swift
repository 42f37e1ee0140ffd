import HTTPClient
import RedisClient
import ServiceLab
import Testing

@Suite struct RedisClientTests {
    private static let generous = Duration.seconds(40)

    private func send(_ command: [String], to url: String, ca: String? = nil) async throws -> RedisReply {
        var address = try #require(RedisAddress(url))
        address.target.caFile = ca
        return try await RedisClient().send(command, to: address, deadline: Self.generous).reply
    }

    @Test func `a real Redis answers, in the database and with the password of the URL`() async throws {
        let server = try await onThread { try RedisServer(password: "p4ss w0rd") }
        defer { server.stop() }
        let url = "unix://:p4ss%20w0rd@\(server.socket)"
        #expect(try await send(["PING"], to: url) == .text("PONG"))
        #expect(try await send(["SET", "a\r\nb", "x\r\ny"], to: "\(url)?db=2") == .text("OK"))
        #expect(try await send(["GET", "a\r\nb"], to: "\(url)?db=2") == .text("x\r\ny"))
        #expect(try await send(["GET", "a\r\nb"], to: url) == .null)
        #expect(try await send(["MGET", "a", "b"], to: url) == .list([.null, .null]))
        #expect(try await send(["DBSIZE"], to: "\(url)?db=2") == .integer(1))
        let large = String(repeating: "x", count: 900_000)
        #expect(try await send(["ECHO", large], to: url) == .text(large))
        let unknown = try await send(["NONSENSE"], to: url)
        guard case .error(let text) = unknown else { return #expect(unknown == .error("…")) }
        #expect(text.hasPrefix("ERR unknown command"))
        await #expect(throws: RedisError.refused("ERR DB index is out of range")) {
            _ = try await send(["PING"], to: "\(url)?db=99")
        }
        let wrong = await #expect(throws: RedisError.self) {
            _ = try await send(["PING"], to: "unix://:nope@\(server.socket)")
        }
        guard case .refused(let reason)? = wrong else { return #expect(wrong == .refused("…")) }
        #expect(reason.hasPrefix("WRONGPASS"))
    }

    @Test func `a real Redis answers over TLS, which is checked`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let certificate = try await onThread { try TestCertificate(days: 3, in: folder) }
        let server = try await onThread { try RedisServer(certificate: certificate) }
        defer { server.stop() }
        let port = try #require(server.tlsPort)
        var address = try #require(RedisAddress("rediss://mina.test:\(port)"))
        address.target.connectTo = HTTPEndpoint(host: "127.0.0.1", port: port)
        let error = await #expect(throws: RedisError.self) {
            try await RedisClient().send(["PING"], to: address, deadline: Self.generous)
        }
        guard case .connection(.tls)? = error else { return #expect(error == .cancelled) }
        address.target.caFile = certificate.file
        let answer = try await RedisClient().send(["PING"], to: address, deadline: Self.generous)
        #expect(answer.reply == .text("PONG"))
    }

    private func failure(
        _ behaviour: @escaping @Sendable (RawConnection) -> Void,
        within deadline: Duration = .milliseconds(700)
    ) async throws -> RedisError? {
        try await RawServer.behaving(behaviour) { server in
            let address = try #require(RedisAddress("redis://127.0.0.1:\(server.port)"))
            let start = ContinuousClock.now
            let error = await #expect(throws: RedisError.self) {
                try await RedisClient().send(["PING"], to: address, deadline: deadline)
            }
            #expect(ContinuousClock.now - start < Self.generous)
            return error
        }
    }

    @Test func `a hostile server ends in a clear error within the deadline`() async throws {
        #expect(try await failure { $0.hold() } == .timedOut(isSent: true))
        #expect(
            try await failure { connection in
                _ = connection.receive(upTo: 100)
                connection.drip("$1000\r\n" + String(repeating: "x", count: 900), every: 50)
            }
                == .timedOut(isSent: true)
        )
        let endless = try await failure(
            { connection in
                connection.send("*10000\r\n")
                while connection.send("$9000\r\n" + String(repeating: "x", count: 9000) + "\r\n") {}
            },
            within: Self.generous
        )
        #expect(endless == .unreadable("the reply is longer than 1048576 bytes"))
        let web = try await failure(
            { connection in
                _ = connection.receive(upTo: 100)
                connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.hold()
            },
            within: Self.generous
        )
        #expect(
            web == .unreadable("the answer is not Redis: it begins with `HTTP/1.1 400 Bad Request\r\n\r\n`")
        )
        let gone = try await failure({ _ = $0.receive(upTo: 100) }, within: Self.generous)
        #expect(gone == .connection(.cutOff(reason: "Redis closed the connection")))
    }

    @Test func `cancelling ends it`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let address = try #require(RedisAddress("redis://127.0.0.1:\(server.port)"))
            let error = await withTaskGroup(of: RedisError?.self) { group in
                group.addTask {
                    do throws(RedisError) {
                        _ = try await RedisClient().send(["PING"], to: address, deadline: .seconds(60))
                        return nil
                    } catch {
                        return error
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error == .cancelled || error == .connection(.cancelled))
        }
    }
}
