import DeployCore
import DeployPorts
import JournalFormat
import Foundation
import StoreSQLite
import Testing

@testable import StoreLab

/// Texts recorded when a kind of entry was new.
///
/// They are never recorded again: what a label was called then it
/// is called for ever, or journals in the field cannot be read.
@Suite struct GoldenTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    private static func files(_ prefix: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".json") }.sorted()
    }

    private static func bytes(_ name: String) throws -> [UInt8] {
        var bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return bytes
    }

    private func comesBack<Value: Codable>(_ name: String, as type: Value.Type) throws -> Value {
        let recorded = try Self.bytes(name)
        let value = try JournalCoding.decode(type, from: recorded)
        let again = String(decoding: try JournalCoding.encode(value), as: UTF8.self)
        #expect(again == String(decoding: recorded, as: UTF8.self), "\(name)")
        return value
    }

    @Test(arguments: files("entry-")) func `a recorded entry is written again byte for byte`(
        name: String
    ) throws {
        _ = try comesBack(name, as: JournalEntry.self)
    }

    @Test(arguments: files("posted-")) func `a recorded command is written again byte for byte`(
        name: String
    ) throws {
        _ = try comesBack(name, as: PostedCommand.self)
    }

    @Test func `a recorded lease holder is written again byte for byte`() throws {
        #expect(try comesBack("holder.json", as: LeaseHolder.self).namespace == nil)
        #expect(try comesBack("holder-namespace.json", as: LeaseHolder.self).namespace == "pid:[4026532301]")
    }

    @Test func `every case that an entry can hold has been recorded`() throws {
        var used: Set<String> = []
        for name in Self.files("entry-") {
            let entry = try JournalCoding.decode(JournalEntry.self, from: Self.bytes(name))
            used.formUnion(GoldenCases.used(by: entry))
        }
        #expect(used == GoldenCases.all)
    }

    @Test func `every command has been recorded as it waits in the box`() throws {
        let used = try Self.files("posted-").map { name in
            let posted = try JournalCoding.decode(PostedCommand.self, from: Self.bytes(name))
            return "command \(GoldenCases.name(of: posted.command))"
        }
        #expect(Set(used) == GoldenCases.all.filter { $0.hasPrefix("command ") })
    }

    /// The hash of an entry is part of the format: other bytes under it, and every journal looks forged.
    @Test func `the chain's hashes stay what they are`() async throws {
        let folder = try TemporaryFolder()
        let store = try await SQLiteRunStore(path: folder.journal)
        try await Sample.run("RUNA", entries: 2, in: store)
        let head = try await store.verify().head
        #expect(head == "d6d31dbef4bb54439c8ec7d2ec8a5ec5497db7693799f44051074d4ebd76096e")
    }
}
