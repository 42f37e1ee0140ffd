import Foundation
import Migrations
import Testing

@Suite struct MigrationFolderTests {
    private func withFolder(_ names: [String], _ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bgdeploy-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in names {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data("SELECT 1".utf8).write(to: file)
        }
        try body(folder.path)
    }

    @Test func `a folder's files come by number, without what undoes and the schema`() throws {
        let names = ["V10__b.sql", "V2__a.sql", "V2__a.down.sql", "x/down.sql", "base.sql", "notes.txt"]
        try withFolder(names) { folder in
            let found = try MigrationFolder([folder])
            #expect(found.files.map(\.path) == ["\(folder)/V2__a.sql", "\(folder)/V10__b.sql"])
            #expect(found.base == "\(folder)/base.sql")
        }
    }

    @Test func `the schema beside a file is found, and not judged when it is named`() throws {
        try withFolder(["base.sql", "1.sql"]) { folder in
            let found = try MigrationFolder(["\(folder)/base.sql", "\(folder)/1.sql"])
            #expect(found.files.map(\.path) == ["\(folder)/1.sql"])
            #expect(found.base == "\(folder)/base.sql")
        }
    }

    @Test func `what is not there is told`() throws {
        let error = #expect(throws: MigrationFileError.self) { _ = try MigrationFolder(["/nowhere.sql"]) }
        #expect(error?.path == "/nowhere.sql")
    }

    @Test func `text that is not UTF-8 is refused`() throws {
        try withFolder(["1.sql"]) { folder in
            try Data([0x53, 0xFF, 0xFE]).write(to: URL(filePath: "\(folder)/1.sql"))
            #expect(throws: MigrationFileError.self) { _ = try MigrationFolder([folder]) }
        }
    }
}
