import PostgresClient
import Testing
import ServiceLab

/// Servers that are none, or that mean ill.
@Suite struct HostilePostgresTests {
    private func failure(
        within deadline: Duration,
        _ behaviour: @escaping @Sendable (RawConnection) -> Void
    ) async throws -> PostgresError? {
        try await RawServer.behaving(behaviour) { server in
            let start = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresClient().send(
                    PostgresRequest(
                        address: try PostgresAddress(
                            "postgresql://u:s3cr3t@127.0.0.1:\(server.port)/d?sslmode=disable&gssencmode=disable"
                        ),
                        statement: "select 1",
                        writes: false,
                        deadline: deadline
                    )
                )
            }
            #expect(ContinuousClock.now - start < .seconds(45))
            return error
        }
    }

    @Test func `one that says nothing, and one that speaks HTTP`() async throws {
        #expect(
            try await failure(within: .milliseconds(500)) { $0.hold() }
                == .unreachable(["127.0.0.1: no answer in time"])
        )
        let web = try await failure(within: .seconds(40)) { connection in
            _ = connection.receive(upTo: 100)
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        guard case .unreachable(let reasons)? = web else { return #expect(web == .cancelled(.notSent)) }
        #expect(
            reasons.first?.contains("expected authentication request from server, but received H") == true
        )
    }

    /// As much of the protocol as brings a client to its statement.
    private static func logIn(_ connection: RawConnection) {
        _ = connection.receive(upTo: 1000)
        connection.send(message("R", [0, 0, 0, 0]) + message("Z", [UInt8(ascii: "I")]))
        _ = connection.receive(upTo: 1000)
        connection.send(message("C", Array("BEGIN\0".utf8)) + message("Z", [UInt8(ascii: "T")]))
        _ = connection.receive(upTo: 1000)
    }

    private static func message(_ kind: Character, _ body: [UInt8]) -> [UInt8] {
        let length = body.count + 4
        return [kind.asciiValue ?? 0] + (0..<4).reversed().map { UInt8(length >> ($0 * 8) & 0xFF) } + body
    }

    @Test func `a value without end is left where the limit is`() async throws {
        let error = try await failure(within: .seconds(40)) { connection in
            Self.logIn(connection)
            connection.send(Self.message("1", []) + Self.message("2", []))
            let column =
                Array("a\0".utf8) + [UInt8](repeating: 0, count: 6) + [
                    0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0,
                ]
            connection.send(Self.message("T", [0, 1] + column))
            // A row of a gigabyte.
            connection.send([UInt8(ascii: "D"), 0x3F, 0xFF, 0xFF, 0xFF, 0, 1, 0x3F, 0xFF, 0xFF, 0xF5])
            while connection.send([UInt8](repeating: 120, count: 65_536)) {}
        }
        #expect(error == .tooLarge("the answer is longer than 16 MB"))
    }

    @Test func `one that goes away in the middle of the answer`() async throws {
        let error = try await failure(within: .seconds(40)) { Self.logIn($0) }
        guard case .cutOff(_, .rolledBack)? = error else { return #expect(error == .cancelled(.notSent)) }
    }

    @Test(arguments: [
        "mysql://u:s3cr3t@h/d", "h:5432", "postgresql://u:s3cr3t@h:port/d", "postgresql://u:s3%zzcr3t@h/d",
        "postgresql://u:s3cr3t@h/d?nonsense=1", "postgresql://[u:s3cr3t",
        "postgresql://u:pa@s3cr3t@h/d", "postgresql://u:s3/cr3t@h/d", "postgresql://u:s3cr3t@h/d\u{0}",
    ])
    func `what is no URL is refused without being shown`(url: String) throws {
        let error = #expect(throws: PostgresError.self) { try PostgresAddress(url) }
        guard case .badRequest(let text)? = error else { return #expect(error == .cancelled(.notSent)) }
        #expect(text.hasPrefix("not a PostgreSQL URL such as"))
        #expect(!text.contains("s3"))
    }

    @Test(arguments: [
        ("postgresql://u:p@a,b:2/d", "a:5432,b:2/d"), ("postgres:///d?host=/run/x", "/run/x/d"),
        ("postgresql+psycopg2://u:p@h:1/d", "h:1/d"),
    ])
    func `a place is told without user and password`(url: String, place: String) throws {
        #expect(try PostgresAddress(url).place == place)
    }

    @Test(arguments: [
        ("postgresql://", [:]),
        (
            "postgres://u:p%2Fw@h:1/d",
            ["user": "u", "password": "p/w", "host": "h", "port": "1", "dbname": "d"]
        ),
        (
            "postgresql://u@/d?host=/run/x&sslmode=require",
            [
                "user": "u", "dbname": "d", "host": "/run/x", "sslmode": "require",
            ]
        ),
        (
            "postgresql://a:1,b/d?target_session_attrs=read-write",
            [
                "host": "a,b", "port": "1,", "dbname": "d", "target_session_attrs": "read-write",
            ]
        ),
        ("postgresql://[::1]:5433", ["host": "::1", "port": "5433"]),
        ("postgresql+psycopg2://h/d?ssl=true", ["host": "h", "dbname": "d", "sslmode": "require"]),
    ])
    func `what a URL says is known by libpq's names`(url: String, parameters: [String: String]) throws {
        #expect(try PostgresAddress(url).parameters == parameters)
    }
}
