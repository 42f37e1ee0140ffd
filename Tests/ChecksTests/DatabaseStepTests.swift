import Checks
import DeployCore
import DeployPorts
import ServiceLab
import Testing

/// `postgres` and `redis` against real servers.
@Suite(.realPostgres) struct DatabaseStepTests {
    private func perform(
        _ key: String,
        _ text: String,
        plain: [String: String] = [:],
        secrets: [String: String] = [:],
        deadline: Span = .seconds(40)
    ) async throws -> StepResult {
        let step = try StepBench.make(CheckKinds.named(key), text)
        return try await step.perform(StepBench.attempt(plain, secrets: secrets, deadline: deadline))
    }

    /// The failure's message with the times taken out.
    private func failure(
        _ key: String,
        _ text: String,
        secrets: [String: String],
        place: String,
        deadline: Span = .seconds(40)
    ) async throws -> String {
        let failure = await #expect(throws: StepFailure.self) {
            try await perform(key, text, secrets: secrets, deadline: deadline)
        }
        return try #require(failure).message.replacing(/<?\d+ ms/, with: "N ms")
            .replacing(place, with: "PLACE")
    }

    // MARK: postgres

    private func database() throws -> (secrets: [String: String], place: String) {
        let access = try #require(RealPostgres.server)
        return (["secret.DB": access.url()], "\(access.folder)/postgres")
    }

    @Test(arguments: [
        #"{ url: "${secret.DB}", query: "select 1", expect: 1, within: 30s }"#,
        #"{ url: "${secret.DB}", query: "select 1.50::numeric", expect: 1.5 }"#,
        #"{ url: "${secret.DB}", query: "select 'healthy'", expect: healthy }"#,
        #"{ url: "${secret.DB}", query: "select true", expect: true }"#,
        #"{ url: "${secret.DB}", query: "select null", expect: null }"#,
        #"{ url: "${secret.DB}", query: "select count(*) from pg_class", expect: "> 10" }"#,
        #"{ url: "${secret.DB}", query: "select 5 as n, 'ok' as state", expect: { n: "< 6", state: ok } }"#,
        #"{ url: "${secret.DB}", query: "select ${version}::text || 'x'", expect: "${version}x" }"#,
        #"{ url: "${secret.DB}", query: "select 1 where false" }"#,
        #"{ url: "${secret.DB}", statement: "create table if not exists a (n int)", writes: true }"#,
    ])
    func `an answer of PostgreSQL is as expected`(text: String) async throws {
        let result = try await perform(
            "postgres",
            text,
            plain: ["version": "v'2.5.0\"; --"],
            secrets: try database().secrets
        )
        #expect(result.summary.contains("answered in "))
    }

    @Test(arguments: [
        (
            #"{ url: "${secret.DB}", query: "select 250", expect: "< 100" }"#,
            """
            postgres PLACE: answered in N ms, and not as expected
              query     select 250
              expected  < 100
              answered  "250"
            """
        ),
        (
            #"{ url: "${secret.DB}", query: "select n from generate_series(1, 3) n", expect: 1 }"#,
            """
            postgres PLACE: answered in N ms, and not as expected
              query     select n from generate_series(1, 3) n
              expected  one row
              answered  more than one row
            """
        ),
        (
            #"{ url: "${secret.DB}", query: "select 1 as a, 'x' as b", expect: { a: 2, c: 3 } }"#,
            """
            postgres PLACE: answered in N ms, and not as expected
              query     select 1 as a, 'x' as b
              expected  a 2
              answered  "1"
              expected  c 3
              answered  no such column; there are a, b
            """
        ),
        (
            #"{ url: "${secret.DB}", query: "selec 1", expect: 1 }"#,
            """
            postgres PLACE: syntax error at or near "selec" (SQLSTATE 42601)
              query     selec 1
            """
        ),
        (
            #"{ url: "${secret.DB}", query: "create table b (n int)" }"#,
            """
            postgres PLACE: cannot execute CREATE TABLE in a read-only transaction (SQLSTATE 25006)
              query     create table b (n int)
              hint      a query only looks; `statement` with `writes: true` may change something
            """
        ),
        (
            #"{ url: "${secret.DB}", query: "select pg_sleep(600)", within: 1s }"#,
            """
            postgres PLACE: no answer within 1s
              query     select pg_sleep(600)
            """
        ),
    ])
    func `a failure of PostgreSQL shows query, expectation and answer`(
        text: String,
        message: String
    ) async throws {
        let (secrets, place) = try database()
        #expect(try await failure("postgres", text, secrets: secrets, place: place) == message)
    }

    @Test func `a password is never shown, neither whole nor in a part of the URL`() async throws {
        let access = try #require(RealPostgres.server)
        let text =
            #"{ url: "postgresql://guarded:${secret.PW}@/postgres?host=FOLDER", query: "select 1", expect: 1 }"#
            .replacing("FOLDER", with: access.folder)
        _ = try await perform("postgres", text, secrets: ["secret.PW": PostgresServer.password])
        let failed = try await failure(
            "postgres",
            text,
            secrets: ["secret.PW": "wr0ng/w0rd"],
            place: access.folder
        )
        #expect(failed.contains("password authentication failed for user \"guarded\""))
        #expect(!failed.contains("wr0ng"))
    }

    // MARK: redis

    @Test func `an answer of Redis is as expected, or the failure shows it`() async throws {
        let server = try await onThread { try RedisServer(password: "r3dis pass") }
        defer { server.stop() }
        let secrets = ["secret.R": "unix://:r3dis%20pass@\(server.socket)", "secret.P": "r3dis pass"]
        for text in [
            #"{ url: "${secret.R}", command: [PING], expect: PONG, within: 30s }"#,
            #"{ url: "${secret.R}", command: [SET, "n ${run}", 5], writes: true, expect: OK }"#,
            #"{ url: "${secret.R}", command: [get, "n ${run}"], expect: 5 }"#,
            #"{ url: "${secret.R}", command: [GET, "n ${run}"], expect: "< 6" }"#,
            #"{ url: "${secret.R}", command: [GET, none], expect: null }"#,
            #"{ url: "${secret.R}", command: [MGET, "n ${run}", none], expect: [5, null] }"#,
            #"{ url: "${secret.R}", command: [MEMORY, usage, "n ${run}"], expect: "> 0" }"#,
            "{ url: \"unix://:${secret.P}@\(server.socket)\", command: [DBSIZE], expect: 1 }",
        ] {
            let result = try await perform("redis", text, plain: ["run": "R1"], secrets: secrets)
            #expect(result.summary.hasPrefix("answered in "))
        }
        for (text, message) in [
            (
                #"{ url: "${secret.R}", command: [LLEN, q], expect: "> 0" }"#,
                """
                redis PLACE: answered in N ms, and not as expected
                  command   LLEN q
                  expected  > 0
                  answered  "0"
                """
            )
        ] {
            #expect(try await failure("redis", text, secrets: secrets, place: server.socket) == message)
        }
        let typed = #"{ url: "${secret.R}", command: [LLEN, "n R1"] }"#
        let failed = try await failure("redis", typed, secrets: secrets, place: server.socket)
        #expect(failed.hasPrefix("redis PLACE: Redis answered with an error: WRONGTYPE "))
        let wrong = ["secret.R": "unix://:wr0ng@\(server.socket)"]
        let refused = try await failure("redis", typed, secrets: wrong, place: server.socket)
        #expect(refused.hasPrefix("redis PLACE: the login was refused: WRONGPASS"))
        #expect(!refused.contains("wr0ng"))
    }
}
