import PostgresClient
import ServiceLab
import Testing

@Suite(.realPostgres) struct PostgresClientTests {
    private static let generous = Duration.seconds(40)

    private func access() throws -> PostgresAccess { try #require(RealPostgres.server) }

    @discardableResult
    private func send(
        _ statement: String,
        _ values: [String] = [],
        writes: Bool = false,
        to url: String? = nil,
        within deadline: Duration = generous
    ) async throws -> PostgresAnswer {
        let url = try url ?? access().url()
        return try await PostgresClient().send(
            PostgresRequest(
                address: PostgresAddress(url),
                statement: statement,
                values: values,
                writes: writes,
                deadline: deadline
            )
        )
    }

    private func problem(_ statement: String, writes: Bool = false) async throws -> String? {
        let error = await #expect(throws: PostgresError.self) { try await send(statement, writes: writes) }
        guard case .refused(let problem)? = error else { return "\(String(describing: error))" }
        return problem.state
    }

    @Test func `the first row comes as text, and that there are more is said`() async throws {
        let one = try await send("select 1 as a, null as b, 'ä''\n' as c, $1::int + 1 as d", ["41"])
        #expect(one.row?.map(\.column) == ["a", "b", "c", "d"])
        #expect(one.row?.map(\.value) == ["1", nil, "ä'\n", "42"])
        #expect(!one.hasMore)
        #expect(try await send("select 1 where false").row == nil)
        let many = try await send("select n from generate_series(7, 100000) n")
        #expect(many.row?.first?.value == "7")
        #expect(many.hasMore)
    }

    @Test(arguments: [
        "create table t (a int)", "select nextval('s')", "drop role guarded",
        "do $$ begin create table t (a int); end $$",
        // What would end a read-only session that is only the default of its transactions.
        "set default_transaction_read_only = off", "set transaction read write",
    ])
    func `a query cannot change anything`(statement: String) async throws {
        if statement.contains("nextval") { try await send("create sequence if not exists s", writes: true) }
        do {
            try await send(statement)
        } catch PostgresError.refused(let problem) {
            #expect(["25006", "25001"].contains(problem.state), "\(problem)")
        }
        #expect(try await send("select to_regclass('t')").row?.first?.value == nil)
        #expect(try await send("show default_transaction_read_only").row?.first?.value == "off")
    }

    @Test func `two statements in one text are refused`() async throws {
        #expect(try await problem("select 1; create table two (a int)") == "42601")
        #expect(try await problem("commit; create table two (a int)") == "42601")
    }

    @Test func `a value cannot become a part of the statement`() async throws {
        let hostile = "1'; drop table x; --"
        #expect(try await send("select $1::text", [hostile]).row?.first?.value == hostile)
    }

    @Test func `a statement that writes is committed as a whole or not at all`() async throws {
        try await send("create table w (a int primary key)", writes: true)
        #expect(try await send("insert into w values (1), (2)", writes: true).changed == 2)
        #expect(try await problem("insert into w values (3), (1)", writes: true) == "23505")
        let returned = try await send("insert into w values (4), (5) returning a", writes: true)
        #expect(returned.row?.first?.value == "4")
        #expect(returned.hasMore)
        #expect(try await send("select count(*) from w").row?.first?.value == "4")
    }

    @Test func `what is no statement for a check is named`() async throws {
        await #expect(throws: PostgresError.badRequest("the statement is empty")) { try await send("") }
        await #expect(throws: PostgresError.badRequest("COPY is no statement for a check")) {
            try await send("copy (select 1) to stdout")
        }
        await #expect(throws: PostgresError.badRequest("the statement or a value has a NUL character in it"))
        {
            try await send("select '\u{0}'")
        }
        #expect(try await problem("select * from nowhere") == "42P01")
    }

    @Test func `a statement ends at the deadline, on the server too`() async throws {
        let start = ContinuousClock.now
        await #expect(throws: PostgresError.timedOut(.rolledBack)) {
            try await send("select pg_sleep(600), 'slow-one'", within: .seconds(1))
        }
        #expect(ContinuousClock.now - start < Self.generous)
        try await expectEnded("slow-one")
    }

    @Test func `cancelling ends it, on the server too`() async throws {
        let url = try access().url()
        let request = PostgresRequest(
            address: try PostgresAddress(url),
            statement: "select pg_sleep(600), 'stopped-one'",
            writes: false,
            deadline: .seconds(300)
        )
        let start = ContinuousClock.now
        let error = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            group.addTask {
                do throws(PostgresError) {
                    _ = try await PostgresClient().send(request)
                    return nil
                } catch {
                    return error
                }
            }
            while try await running("stopped-one") == 0 { await Task.yield() }
            group.cancelAll()
            return try await group.next() ?? nil
        }
        #expect(error == .cancelled(.rolledBack))
        #expect(ContinuousClock.now - start < .seconds(200))
        try await expectEnded("stopped-one")
    }

    @Test func `a lock that others hold is not waited for without end`() async throws {
        try await send("create table locked (a int)", writes: true)
        let holder = "do $$ begin lock table locked; perform pg_sleep(60); end $$"
        let held = """
            select count(*) from pg_locks
            where granted and mode = 'AccessExclusiveLock' and relation = 'locked'::regclass
            """
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await send(holder, writes: true, within: .seconds(100)) }
            while try await send(held).row?.first?.value == "0" { await Task.yield() }
            #expect(try await problem("select * from locked") == "55P03")
            group.cancelAll()
        }
    }

    @Test func `a password is asked for, and is in no message`() async throws {
        let access = try access()
        let good = access.url(user: "guarded", password: PostgresServer.password)
        #expect(try await send("select current_user", to: good).row?.first?.value == "guarded")
        let bad = access.url(user: "guarded", password: "wr0ng-p4ss")
        let error = await #expect(throws: PostgresError.self) { try await send("select 1", to: bad) }
        guard case .unreachable(let reasons)? = error else { return #expect(error == .cancelled(.notSent)) }
        #expect(reasons.joined().contains("password authentication failed"))
        #expect(!reasons.joined().contains("wr0ng"))
        let address = try PostgresAddress(good)
        #expect(address.password == PostgresServer.password)
        #expect(!address.place.contains("guarded") && !address.place.contains("p4ss"))
    }

    @Test func `the first host that answers is asked, however silent the others are`() async throws {
        let access = try access()
        let dead = try RawServer.deadPort()
        try await RawServer.behaving({ $0.hold() }) { silent in
            let hosts = "host=127.0.0.1,127.0.0.1,\(access.folder)&port=\(silent.port),\(dead),5432"
            let url = "postgresql://postgres@/postgres?\(hosts)"
            let answer = try await send("select 1", to: url, within: .seconds(24))
            #expect(answer.row?.first?.value == "1")
            // Nobody but the silent and the dead one.
            let none = "postgresql://127.0.0.1:\(silent.port),127.0.0.1:\(dead)/x"
            let error = await #expect(throws: PostgresError.self) {
                try await send("select 1", to: none, within: .seconds(10))
            }
            guard case .unreachable(let reasons)? = error else {
                return #expect(error == .cancelled(.notSent))
            }
            #expect(reasons.count == 2)
            #expect(reasons[0] == "127.0.0.1: no answer in time")
            #expect(reasons[1].contains("Connection refused"))
        }
    }

    private func running(_ mark: String) async throws -> Int {
        let text = "select count(*) from pg_stat_activity where state = 'active' and query like $1"
        let value = try await send(text, ["%'\(mark)'"]).row?.first?.value
        return try #require(value.flatMap { Int($0) })
    }

    private func expectEnded(_ mark: String) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while try await running(mark) > 0, ContinuousClock.now < end { await Task.yield() }
        #expect(try await running(mark) == 0)
    }
}
