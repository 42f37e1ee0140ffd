import DeployCore
import DeployPorts
import Foundation
import ServiceLab
import Testing

@testable import Backups

/// Restores into databases of their own, on a real PostgreSQL.
@Suite(.realPostgres) struct RestoreDrillTests {
    @Test func `the newest backup is restored, compared, timed and dropped`() async throws {
        let bench = try await BackupBench.make()
        _ = try await bench.step().perform(bench.attempt())
        let newest = try await bench.step(["verify": "restore"]).perform(bench.attempt(run: "r2"))
        let step = try Words.step(
            RestoreDrillStep.kind(),
            ["backup": "backups", "server": "${secret.DB}", "within": "5m"],
            service: "mina",
            folder: bench.folder.path
        )
        let result = try await step.perform(bench.attempt(run: "d1"))
        #expect(result.captures["file"] == newest.captures["file"])
        let note = try #require(bench.notes.last)
        #expect(note.topic == "restore_drill" && note.facts["rows"] == "3060")
        #expect(note.facts["recovery_ms"].flatMap { Int($0) } ?? 0 > 0)
        #expect(result.summary.contains("3060 rows in 5 tables") && result.summary.contains("as when it was"))
        #expect(try await bench.drills(of: "d1") == "")
    }

    @Test func `a drill keeps its database when that is wanted, and later ones leave it`() async throws {
        let bench = try await BackupBench.make()
        let file = try #require(try await bench.step().perform(bench.attempt()).captures["file"])
        func drill(keep: Bool) async throws -> RestoreDrill.Result {
            let drill = RestoreDrill(
                backup: file,
                server: bench.url(),
                owner: bench.run("kept"),
                keep: keep,
                deadline: .seconds(120)
            )
            return try await drill.run { _ in }
        }
        let result = try await drill(keep: true)
        let name = try #require(result.left)
        #expect(name.hasPrefix("bgdeploy_kept_") && !result.isCompared)
        #expect(try await drill(keep: false).left == nil)
        #expect(try await bench.drills(of: "kept") == name)
        #expect(try await bench.sql("select count(*) from users", in: name) == "3000")
        try await bench.sql("drop database \(name)", in: "postgres")
    }

    @Test func `a folder's newest backup that is not encrypted is taken`() async throws {
        let bench = try await BackupBench.make()
        let plain = try await bench.step().perform(bench.attempt())
        _ = try await bench.step(["encrypt": ["gzip", "-1"]]).perform(bench.attempt(run: "r2"))
        let step = try Words.step(
            RestoreDrillStep.kind(),
            ["backup": "backups", "server": "${secret.DB}"],
            service: "mina",
            folder: bench.folder.path
        )
        let result = try await step.perform(bench.attempt(run: "d1"))
        #expect(result.captures["file"] == plain.captures["file"])
        #expect(bench.lines.contains { $0.contains("1 newer backup") && $0.contains("encrypted") })

        let file = try #require(plain.captures["file"])
        for end in ["", ".json", ".sha256"] { try FileManager.default.removeItem(atPath: file + end) }
        let message = try await bench.failure(step, bench.attempt(run: "d2"))
        #expect(message.contains("has no backup of mina that is not encrypted"), "\(message)")
    }

    @Test func `a backup is told by the name of its file, wherever one stands`() async throws {
        let bench = try await BackupBench.make()
        let result = try await bench.step().perform(bench.attempt())
        let manifest = try bench.manifest(result)
        let name = manifest.file
        for path in [name, "./\(name)", "../backups/\(name)", "/srv/\(name)"] {
            #expect(manifest.describes(path), "\(path)")
        }
        for path in ["other-\(name)", "\(name)/other", "\(name).enc", ""] {
            #expect(!manifest.describes(path), "\(path)")
        }
    }

    @Test(arguments: [
        ("delete from users where id = '2999'", "public.users: 2999 rows instead of 3000"),
        ("update users set name = 'else' where id = '1'", "public.users: other values in its first rows"),
        ("drop table part_one", "4 tables were restored"),
    ])
    func `a restore that is not what the database had is found`(statement: String, words: String) async throws
    {
        let bench = try await BackupBench.make()
        let tools = try bench.tools([
            "pg_restore": """
            "$REAL/pg_restore" "$@" || exit
            case "$*" in *--exit-on-error*) exec "$REAL/psql" -qc "\(statement)";; esac
            """
        ])
        let step = try bench.step(["verify": "restore"], tools: tools)
        let message = try await bench.failure(step, bench.attempt(run: "bad"))
        #expect(message.contains(words), "\(message)")
        #expect(bench.files == [])
        #expect(try await bench.drills(of: "bad") == "")
        #expect(try await bench.sql("select count(*) from users") == "3000")
    }

    @Test func `a role that may not create databases is told what to do`() async throws {
        let bench = try await BackupBench.make()
        let scratch = bench.url(user: "guarded", password: PostgresServer.password)
        let step = try bench.step(["verify": "restore", "scratch": "${secret.SCRATCH}"])
        let message = try await bench.failure(step, bench.attempt(secrets: ["secret.SCRATCH": scratch]))
        #expect(message.contains("permission denied to create database"), "\(message)")
        #expect(message.contains("`alter role \"guarded\" createdb`"))
        #expect(!message.contains(PostgresServer.password))
    }

    @Test func `a restore that takes too long is ended and its database dropped`() async throws {
        let bench = try await BackupBench.make()
        let file = try #require(try await bench.step().perform(bench.attempt()).captures["file"])
        let tools = try bench.tools(["pg_restore": "exec sleep 600"])
        let drill = RestoreDrill(
            backup: file,
            server: bench.url(),
            owner: bench.run("slow"),
            deadline: .seconds(5),
            tools: tools
        )
        let failure = await #expect(throws: StepFailure.self) { try await drill.run { _ in } }
        #expect(failure?.message.contains("pg_restore did not end in time") == true)
        #expect(try await bench.drills(of: "slow") == "")
    }
}
