import PostgresClient
import ServiceLab
import Testing

@Suite(.realPostgres) struct PostgresSessionTests {
    private static let generous = Duration.seconds(40)

    private func open(_ name: String = "a session") async throws -> PostgresSession {
        let url = try #require(RealPostgres.server).url()
        return try await PostgresSession.open(PostgresAddress(url), named: name, within: Self.generous)
    }

    /// What is known after `work` has failed.
    private func error(_ work: () async throws(PostgresError) -> Void) async -> PostgresError? {
        do throws(PostgresError) {
            try await work()
            return nil
        } catch {
            return error
        }
    }

    private func value(_ query: String, _ values: [String] = []) async throws -> String? {
        let session = try await open("asking")
        defer { session.close() }
        return try await session.query(query, values, within: Self.generous).first?.first?.value
    }

    private func wait(until query: String, _ values: [String] = []) async throws {
        let end = ContinuousClock.now + Self.generous
        while try await value(query, values) != "t" {
            guard ContinuousClock.now < end else {
                Issue.record("never came true: \(query)")
                return
            }
        }
    }

    @Test func `what others notify comes to who listens, also when it came before`() async throws {
        let (session, other) = (try await open("listening"), try await open())
        defer { for one in [session, other] { one.close() } }
        let none = try await session.notifications(within: .milliseconds(1))
        #expect(none == [])
        try await session.run("LISTEN a_channel", commits: true, within: Self.generous)
        try await other.run("NOTIFY a_channel, 'one'", commits: true, within: Self.generous)
        try await other.run("NOTIFY another, 'two'", commits: true, within: Self.generous)
        let first = try await session.notifications(within: Self.generous)
        #expect(first == ["one"])
        let two = "NOTIFY a_channel, 'three'; NOTIFY a_channel"
        try await other.run(two, commits: true, within: Self.generous)
        // It comes along with the answer to a statement, too.
        _ = try await session.query("SELECT 1", within: Self.generous)
        let rest = try await session.notifications(within: Self.generous)
        #expect(rest == ["three", ""])
        let end = await error { () throws(PostgresError) in
            try await other.run(
                "SELECT pg_terminate_backend(\(session.backendPID))",
                commits: true,
                within: Self.generous
            )
            while try await session.notifications(within: Self.generous).isEmpty {}
        }
        guard case .cutOff = end else {
            Issue.record("\(String(describing: end))")
            return
        }
    }

    @Test func `who does not heed it is not stopped by a cancelled task`() async throws {
        let address = try PostgresAddress(try #require(RealPostgres.server).url())
        let value = await withTaskGroup(of: String?.self) { group in
            group.cancelAll()
            group.addTask {
                let session = try? await PostgresSession.open(
                    address,
                    named: "late",
                    within: Self.generous,
                    heedsCancellation: false
                )
                defer { session?.close() }
                return try? await session?.query(
                    "SELECT 'done'",
                    within: Self.generous,
                    heedsCancellation: false
                ).first?.first?.value
            }
            return await group.next() ?? nil
        }
        #expect(value == "done")
    }

    @Test func `a default counts where the URL does not say`() async throws {
        let url = try #require(RealPostgres.server).url()
        for (url, limit) in [(url, "7s"), (url + "&options=-cstatement_timeout%3D9s", "9s")] {
            let address = try PostgresAddress(url, defaults: ["options": "-cstatement_timeout=7s"])
            let session = try await PostgresSession.open(address, named: "a", within: Self.generous)
            defer { session.close() }
            let shown = try await session.query("SHOW statement_timeout", within: Self.generous)
            #expect(shown.first?.first?.value == limit)
        }
    }

    @Test func `statements share one connection, with its name and its process`() async throws {
        let session = try await open("named-one")
        defer { session.close() }
        let rows = try await session.query(
            "SELECT pg_backend_pid(), application_name, $1::text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
            ["it's"],
            within: Self.generous
        )
        #expect(rows.first?.map(\.value) == ["\(session.backendPID)", "named-one", "it's"])
        try await session.run(
            "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1), (NULL);",
            commits: true,
            within: Self.generous
        )
        let all = try await session.query("SELECT a FROM t ORDER BY a", within: Self.generous)
        #expect(all.map { $0.map(\.value) } == [["1"], [nil]])
        try await session.run("-- nothing", commits: true, within: Self.generous)
    }

    @Test func `what the server refuses leaves the session as it is`() async throws {
        let session = try await open()
        defer { session.close() }
        let error = await error { () throws(PostgresError) in
            try await session.run("SELECT 1; SELECT nonsense; SELECT 2", commits: true, within: Self.generous)
        }
        let state: String? = if case .refused(let problem)? = error { problem.state } else { nil }
        #expect(state == "42703", "\(String(describing: error))")
        #expect(try await session.query("SELECT 1", within: Self.generous).count == 1)
    }

    @Test func `a transaction is open until it is ended, and gone with the session`() async throws {
        let session = try await open()
        try await session.run("CREATE TABLE open_one (a int)", commits: true, within: Self.generous)
        try await session.run("BEGIN; INSERT INTO open_one VALUES (1)", commits: false, within: Self.generous)
        #expect(try await value("SELECT count(*) FROM open_one") == "0")
        session.close()
        try await wait(
            until: "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1::int",
            ["\(session.backendPID)"]
        )
        #expect(try await value("SELECT count(*) FROM open_one") == "0")
        let error = await error { () throws(PostgresError) in
            try await session.run("COMMIT", commits: true, within: Self.generous)
        }
        #expect(error == .cutOff(reason: "the session is closed", outcome: .notSent))
    }

    @Test(arguments: [(true, PostgresError.Outcome.unknown), (false, .rolledBack)])
    func `a deadline ends the statement on the server, and says what is known`(
        commits: Bool,
        outcome: PostgresError.Outcome
    ) async throws {
        let session = try await open()
        let error = await error { () throws(PostgresError) in
            try await session.run("SELECT pg_sleep(600)", commits: commits, within: .milliseconds(300))
        }
        #expect(error == .timedOut(outcome))
        try await wait(
            until: "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1::int",
            ["\(session.backendPID)"]
        )
    }

    @Test func `cancelling ends the statement on the server`() async throws {
        let session = try await open()
        let ended = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            group.addTask {
                await error { () throws(PostgresError) in
                    try await session.run("SELECT pg_sleep(600)", commits: false, within: .seconds(300))
                }
            }
            try await wait(
                until:
                    "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1::int AND query LIKE '%sleep%'",
                ["\(session.backendPID)"]
            )
            group.cancelAll()
            return try await group.next() ?? nil
        }
        #expect(ended == .cancelled(.rolledBack))
        try await wait(
            until: "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1::int",
            ["\(session.backendPID)"]
        )
    }

    @Test func `a connection that the server ends is told as cut off`() async throws {
        let session = try await open()
        let ended = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            group.addTask {
                await error { () throws(PostgresError) in
                    try await session.run("SELECT pg_sleep(600)", commits: true, within: .seconds(300))
                }
            }
            let pid = ["\(session.backendPID)"]
            try await wait(
                until:
                    "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1::int AND query LIKE '%sleep%'",
                pid
            )
            _ = try await value("SELECT pg_terminate_backend($1::int)", pid)
            return try await group.next() ?? nil
        }
        #expect(
            ended
                == .cutOff(
                    reason: "terminating connection due to administrator command",
                    outcome: .unknown
                )
        )
    }

    @Test func `COPY to the client, and an answer without end, end the session and not the process`()
        async throws
    {
        for statement in ["COPY (SELECT 1) TO STDOUT", "COPY pg_class FROM STDIN"] {
            let session = try await open()
            let error = await error { () throws(PostgresError) in
                try await session.run(statement, commits: true, within: Self.generous)
            }
            #expect(error == .badRequest("COPY from or to the client is not for a session"))
        }
        let session = try await open()
        let many = "SELECT repeat('x', 100000) FROM generate_series(1, 100000)"
        let error = await error { () throws(PostgresError) in
            _ = try await session.query(many, within: Self.generous)
        }
        #expect(error == .tooLarge("the answer is longer than 16 MB"))
    }
}
