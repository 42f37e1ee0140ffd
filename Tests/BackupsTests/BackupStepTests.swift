import DeployCore
import DeployPorts
import Foundation
import ServiceLab
import Testing

@testable import Backups

/// `backup` with a real PostgreSQL.
@Suite(.realPostgres) struct BackupStepTests {
    @Test func `a backup is verified, named, described and private`() async throws {
        let bench = try await BackupBench.make()
        let result = try await bench.step(["verify": "restore"]).perform(bench.attempt())
        let manifest = try bench.manifest(result)
        let name = manifest.file
        #expect(
            name.wholeMatch(of: /mina-app_[0-9a-f]{8}-\d{8}T\d{6}Z-r1_[0-9a-f]{8}\.dump/) != nil,
            "\(name)"
        )
        #expect(bench.files == [name, "\(name).json", "\(name).sha256"])
        for file in [".", name, "\(name).json", "\(name).sha256"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(bench.backups)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == (file == "." ? 0o700 : 0o600), "\(file)")
        }
        let check = ["sh", "-c", "cd \(bench.backups) && sha256sum -c \(name).sha256"]
        try Program.run(check, in: bench.folder, name: "check")
        #expect(result.captures == ["file": "\(bench.backups)/\(name)", "sha256": manifest.sha256])
        #expect(
            manifest.database == bench.database && manifest.run == bench.run("r1") && manifest.version == "v2"
        )
        #expect(manifest.system?.isEmpty == false && manifest.lsn?.contains("/") == true)
        #expect(manifest.tables == 5 && manifest.isComplete)
        let census = try #require(manifest.census)
        #expect(
            census.tables.mapValues(\.rows) == [
                "public.users": 3000, "public.sessions": 50, "odd schema.Odd \"table": 0,
                "public.part_one": 10,
            ]
        )
        #expect(census.samples == 2)
        let note = try #require(bench.notes.first)
        #expect(note.topic == "backup" && note.facts["sha256"] == manifest.sha256)
        #expect(note.facts["lsn"] == manifest.lsn && note.facts["rows"] == "3060")
        #expect(bench.lines.contains { $0.wholeMatch(of: /[\d.]+ kB in .*, .*\/s/) != nil })
        #expect(try await bench.drills(of: "r1") == "")
        #expect(try await bench.step().reconcile(bench.attempt()) == .ended(result))
    }

    @Test func `what is backed up comes back`() async throws {
        let bench = try await BackupBench.make()
        let result = try await bench.step().perform(bench.attempt())
        let file = try #require(result.captures["file"])
        let copy = "\(bench.database)_copy"
        try await bench.sql("create database \(copy)", in: "postgres")
        try Program.run(
            [bench.kit.restore, "-e", "-h", bench.access.folder, "-U", "postgres", "-d", copy, file],
            in: bench.folder,
            name: "restore"
        )
        let question = "select md5(string_agg(u::text, '' order by id)) from users u"
        #expect(try await bench.sql(question, in: copy) == bench.sql(question))
    }

    @Test func `rows that come during the dump do not matter`() async throws {
        let bench = try await BackupBench.make()
        let tools = try bench.tools([
            "pg_dump":
                #""$REAL/psql" -qc "insert into users values ('late', 'x')"; exec "$REAL/pg_dump" "$@""#
        ])
        let result = try await bench.step(["verify": "restore"], tools: tools).perform(bench.attempt())
        #expect(try bench.manifest(result).census?.tables["public.users"]?.rows == 3000)
        #expect(try await bench.sql("select count(*) from users") == "3001")
    }

    @Test(arguments: [
        (#""$REAL/pg_dump" "$@" | head -c 6000"#, "the dump cannot be read"),
        (#""$REAL/pg_dump" "$@" | head -c 6000; exit 1"#, "pg_dump ended with exit 1"),
        (#""$REAL/pg_dump" "$@" --exclude-table=users"#, "names 4 tables, and the database has 5"),
        ("exit 0", "pg_dump ended with exit 0 and wrote nothing"),
        (#""$REAL/pg_dump" "$@" | head -c 6000; kill -KILL $$"#, "pg_dump was ended by signal 9"),
        ("echo half; exec sleep 600", "pg_dump did not end in time and was stopped"),
    ])
    func `a dump that is not whole stops the release and leaves nothing`(
        script: String,
        words: String
    )
        async throws
    {
        let bench = try await BackupBench.make()
        let tools = try bench.tools(["pg_dump": script])
        let deadline: Span = script.contains("sleep") ? .seconds(5) : .minutes(5)
        let message = try await bench.failure(
            bench.step(["keep": "0s"], tools: tools),
            bench.attempt(deadline: deadline)
        )
        #expect(message.contains(words), "\(message)")
        #expect(message.hasSuffix("the database was only read, and no traffic was moved"))
        #expect(bench.files == [])
    }

    @Test func `a cut or altered file is found`() async throws {
        let bench = try await BackupBench.make()
        let file = try #require(try await bench.step().perform(bench.attempt()).captures["file"])
        var data = try Data(contentsOf: URL(filePath: file))
        func drill() async -> StepFailure? {
            let drill = RestoreDrill(
                backup: file,
                server: bench.url(),
                owner: bench.run("cut"),
                deadline: .seconds(120)
            )
            return await #expect(throws: StepFailure.self) { try await drill.run { _ in } }
        }
        data[data.count / 2] ^= 1
        try data.write(to: URL(filePath: file))
        #expect(await drill()?.message.contains("is not what was backed up") == true)
        try data.prefix(data.count - 100).write(to: URL(filePath: file))
        let check = try ArchiveCheck(
            path: file,
            kit: bench.kit,
            environment: DatabaseServer(url: bench.url()).environment(),
            end: .now + .seconds(60)
        )
        let failure = await #expect(throws: StepFailure.self) { try await check.run(tables: 5) }
        #expect(failure?.message.contains("the dump cannot be read") == true)
        #expect(try await bench.drills(of: "cut") == "")
    }

    @Test func `a password reaches pg_dump, and nobody else`() async throws {
        let bench = try await BackupBench.make()
        let record = #"tr '\0' ' ' < /proc/$$/cmdline >> "$LAB/seen""#
        let scripts = ["pg_dump", "pg_restore", "psql"].map { name in
            (name, #"\#(record); exec "$REAL/\#(name)" "$@""#)
        }
        let tools = try bench.tools(Dictionary(uniqueKeysWithValues: scripts))
        let secret = bench.url(user: "guarded", password: PostgresServer.password)
        let attempt = bench.attempt(secrets: ["secret.DB": secret])
        let result = try await bench.step(tools: tools).perform(attempt)
        let seen = try String(contentsOfFile: "\(bench.folder.path)/seen", encoding: .utf8)
        #expect(seen.contains("pg_dump --format=custom") && seen.contains("psql"), "\(seen)")
        let json = try String(
            contentsOfFile: try #require(result.captures["file"]) + ".json",
            encoding: .utf8
        )
        let told = bench.lines.joined() + "\(bench.notes)" + json + seen
        for form in [PostgresServer.password, "p4ss%2Fw0rd"] { #expect(!told.contains(form)) }

        let wrong = bench.url(user: "guarded", password: "not/the one")
        let message = try await bench.failure(bench.step(), bench.attempt(secrets: ["secret.DB": wrong]))
        #expect(message.contains("password authentication failed"), "\(message)")
        #expect(!message.contains("not/the") && !message.contains("not%2Fthe"))
    }

    @Test func `a cancelled backup ends pg_dump`() async throws {
        let bench = try await BackupBench.make()
        let tools = try bench.tools(["pg_dump": #"echo $$ > "$LAB/pid"; echo half; exec sleep 600"#])
        let step = try bench.step(tools: tools)
        let attempt = bench.attempt(deadline: .minutes(2))
        let file = "\(bench.folder.path)/pid"
        let (pid, message) = try await withThrowingTaskGroup { group in
            group.addTask { try await bench.failure(step, attempt) }
            let pid = try await onThread {
                try Wait.value {
                    let text = try? String(contentsOfFile: file, encoding: .utf8)
                    return text?.split(separator: "\n").first.flatMap { pid_t($0) }
                }
            }
            group.cancelAll()
            return (pid, try await group.next() ?? "")
        }
        #expect(message.contains("pg_dump was stopped, since the step was cancelled"), "\(message)")
        #expect(kill(pid, 0) != 0 && errno == ESRCH)
        #expect(bench.files == [])
    }

    @Test func `after a crash what is unfinished goes, and it is done again`() async throws {
        let bench = try await BackupBench.make()
        let step = try bench.step(["verify": "restore"])
        try FileManager.default.createDirectory(atPath: bench.backups, withIntermediateDirectories: true)
        let others = ["mina-app-20260101T000000Z-\(bench.run("r2")).dump.part", "other.part"]
        let own = ["dump", "dump.sha256", "dump.part", "dump.enc", "dump.enc.part"].map { end in
            "mina-app-20260101T000000Z-\(bench.run("r1")).\(end)"
        }
        for name in own + others {
            try Data("half".utf8).write(to: URL(filePath: "\(bench.backups)/\(name)"))
        }
        #expect(await step.reconcile(bench.attempt()) == .neverStarted)
        #expect(bench.files == others)
        let drills = [
            "bgdeploy_drill_20990101t000000z_\(bench.run("r1"))", "bgdeploy_drill_20200101t000000z_x",
        ]
        for drill in drills { try await bench.sql("create database \(drill)", in: "postgres") }
        _ = try await step.perform(bench.attempt())
        let left = try await bench.sql("select datname from pg_database", in: "postgres")
        #expect(!drills.contains { left.contains($0) })
        #expect(bench.files.count == others.count + 3)
    }
}

/// Waits for what another thread does.
enum Wait {
    struct TooLong: Error {}

    static func value<Value>(_ look: () -> Value?) throws -> Value {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if let value = look() { return value }
            poll(nil, 0, 10)
        }
        throw TooLong()
    }
}
