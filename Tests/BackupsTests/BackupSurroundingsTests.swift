import DeployCore
import DeployPorts
import Foundation
import ServiceLab
import Testing

@testable import Backups

/// What is around a backup: space, older ones, commands, tools.
@Suite(.realPostgres) struct BackupSurroundingsTests {
    @Test(.enabled(if: SmallDisk.isPossible, "a file system can only be mounted by root"))
    func `a full disk stops the backup, before it begins or in the middle`() async throws {
        let bench = try await BackupBench.make()
        try await bench.sql(
            """
            create table noise (data bytea);
            insert into noise select (select string_agg(sha256((n * 100 + m)::text::bytea), '')
                from generate_series(1, 40) m) from generate_series(1, 5000) n
            """
        )
        let disk = try SmallDisk(in: bench.folder)
        defer { disk.remove() }
        try disk.mount(megabytes: 1)
        let before = try await bench.failure(
            bench.step(["to": .init(stringLiteral: disk.path)]),
            bench.attempt()
        )
        #expect(
            before.contains(/the database has \d+\.\d MB, so that its dump may need \d\.\d MB/),
            "\(before)"
        )
        #expect(before.contains(/there are \d+\.\d kB left|there are 1\.0 MB left/), "\(before)")
        #expect(bench.lines.isEmpty)

        try disk.mount(megabytes: 5)
        let during = try await bench.failure(
            bench.step(["to": .init(stringLiteral: disk.path)]),
            bench.attempt()
        )
        #expect(during.contains("no space is left on the file system of"), "\(during)")
        #expect(FolderListing.names(in: disk.path) == [])
    }

    @Test func `older backups of this service and database go, after a success only`() async throws {
        let bench = try await BackupBench.make()
        let kept = ["keep": "7d"] as [String: Parameter]
        let first = try await bench.step(kept).perform(bench.attempt())
        let file = try #require(first.captures["file"])
        func plant(_ name: String, days: Double, service: String = "mina", database: String? = nil) throws {
            let text = try String(contentsOfFile: file + ".json", encoding: .utf8)
            let ended = Date(timeIntervalSinceNow: -days * 86_400).formatted(.iso8601)
            let manifest = text.replacing((file as NSString).lastPathComponent, with: name)
                .replacing(/"ended" : "[^"]*"/, with: "\"ended\" : \"\(ended)\"")
                .replacing("\"service\" : \"mina\"", with: "\"service\" : \"\(service)\"")
                .replacing("\"\(bench.database)\"", with: "\"\(database ?? bench.database)\"")
            for (end, text) in [("", "dump"), (".sha256", "x"), (".json", manifest)] {
                try Data(text.utf8).write(to: URL(filePath: "\(bench.backups)/\(name)\(end)"))
            }
        }
        try plant("old.dump", days: 8)
        try plant("young.dump", days: 6)
        try plant("other-service.dump", days: 8, service: "other")
        try plant("other-database.dump", days: 8, database: "another")
        try Data("by hand".utf8).write(to: URL(filePath: "\(bench.backups)/by-hand.dump"))
        let broken = try bench.tools(["pg_dump": "exit 1"])
        _ = try await bench.failure(bench.step(kept, tools: broken), bench.attempt(run: "r2"))
        #expect(bench.files.contains("old.dump"))

        let third = try await bench.step(kept).perform(bench.attempt(run: "r3"))
        let dumps = Set(bench.files.filter { $0.hasSuffix(".dump") })
        let names = [first, third].map { ($0.captures["file"] ?? "") as NSString }.map(\.lastPathComponent)
        #expect(
            dumps == Set(names + ["young.dump", "other-service.dump", "other-database.dump", "by-hand.dump"])
        )
        #expect(!bench.files.contains { $0.hasPrefix("old.dump") })

        let last = try await bench.step(["keep": "0s"]).perform(bench.attempt(run: "r4"))
        #expect(bench.files.contains(((last.captures["file"] ?? "") as NSString).lastPathComponent))
    }

    @Test func `a backup is encrypted and uploaded by commands`() async throws {
        let bench = try await BackupBench.make()
        let upload: Parameter = [
            "sh", "-c", #"cp "$0" "$1" && echo "$BGDEPLOY_BACKUP_SHA256" > "$1.sum""#, "${file}", "uploaded",
        ]
        let step = try bench.step(["encrypt": ["gzip", "-1"], "upload": upload])
        #expect(step.references.allSatisfy { $0.name == "secret.DB" })
        let result = try await step.perform(bench.attempt())
        let manifest = try bench.manifest(result)
        #expect(manifest.file.hasSuffix(".dump.enc") && manifest.isEncrypted && manifest.isComplete)
        #expect(bench.files == [manifest.file, "\(manifest.file).json", "\(manifest.file).sha256"])
        try Program.run(
            ["sh", "-c", "gunzip -c \(bench.folder.path)/uploaded | sha256sum"],
            in: bench.folder,
            name: "plain"
        )
        let plain = try String(contentsOfFile: "\(bench.folder.path)/plain.log", encoding: .utf8)
        #expect(plain.hasPrefix(try #require(manifest.plainSHA256)))
        let sum = try String(contentsOfFile: "\(bench.folder.path)/uploaded.sum", encoding: .utf8)
        #expect(sum == manifest.sha256 + "\n")
    }

    @Test(
        arguments: [
            ("encrypt", ["sh", "-c", "head -c 100; exit 3"], "encrypt ended with exit 3", 0),
            ("encrypt", ["cat"], "it is not encrypted", 0),
            ("encrypt", ["no-such-program"], "cannot start no-such-program: command not found", 0),
            ("upload", ["sh", "-c", "echo denied >&2; exit 1"], "upload ended with exit 1:\ndenied", 3),
        ] as [(String, Parameter, String, Int)]
    )
    func `a command that fails stops the release`(
        key: String,
        command: Parameter,
        words: String,
        files: Int
    )
        async throws
    {
        let bench = try await BackupBench.make()
        let step = try bench.step([key: command])
        let message = try await bench.failure(step, bench.attempt())
        #expect(message.contains(words) && message.hasSuffix("no traffic was moved"), "\(message)")
        #expect(bench.files.count == files)
        if files > 0 { #expect(message.contains("the backup is made and verified, and kept as")) }
        #expect(await step.reconcile(bench.attempt()) == .neverStarted)
    }

    @Test func `tools that are too old are named, with what to install`() async throws {
        let bench = try await BackupBench.make()
        let bin = "\(bench.folder.path)/old/9/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        for name in ["pg_dump", "pg_restore", "psql"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(bin)/\(name)",
                withDestinationPath: "/bin/true"
            )
        }
        let tools = PostgresTools(root: "\(bench.folder.path)/old")
        let message = try await bench.failure(bench.step(tools: tools), bench.attempt())
        #expect(
            message.contains("there is 9 in \(bin): apt-get install postgresql-client-\(bench.kit.major)")
        )
    }

    @Test func `a folder that others can write to is refused`() async throws {
        let bench = try await BackupBench.make()
        try FileManager.default.createDirectory(atPath: bench.backups, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: bench.backups)
        let message = try await bench.failure(bench.step(), bench.attempt())
        #expect(message.contains("others can write to \(bench.backups)"))
    }

    @Test func `no name makes a path`() async throws {
        let bench = try await BackupBench.make()
        let step = try bench.step(service: "../../etc/ä b")
        let file = try #require(try await step.perform(bench.attempt(run: "../r")).captures["file"])
        #expect((file as NSString).deletingLastPathComponent == bench.backups)
        #expect((file as NSString).lastPathComponent.hasPrefix("_.___.._etc___b-") || !file.contains("/../"))
    }
}

/// A file system of its own that is soon full.
struct SmallDisk {
    let path: String
    private let folder: Folder

    static var isPossible: Bool { geteuid() == 0 }

    init(in folder: Folder) throws {
        self.folder = folder
        path = "\(folder.path)/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func mount(megabytes: Int) throws {
        remove()
        let options = "size=\(megabytes)m,mode=700"
        try Program.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], in: folder, name: "mount")
    }

    func remove() { try? Program.run(["umount", path], in: folder, name: "umount") }
}
