import Glibc
import Testing

@testable import SafeFile

@Suite struct ReplaceTogetherTests {
    private let folder = TemporaryFolder()

    private func text(_ name: String) -> String? {
        (try? SafeFile.read("\(folder.path)/\(name)")).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private func put(_ name: String, _ text: String, mode: UInt32 = 0o600) -> AtomicFile.Text {
        AtomicFile.Text("\(folder.path)/\(name)", Array(text.utf8), newMode: mode)
    }

    private var names: [String] {
        guard let list = opendir(folder.path) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let item = readdir(list) {
            withUnsafePointer(to: &item.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { names.append(String(cString: $0)) }
            }
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    @Test func `new and old files get their texts, and nothing else is left`() throws {
        try AtomicFile.replace("\(folder.path)/b", with: Array("old".utf8), newMode: 0o640)
        try AtomicFile.replaceTogether([put("a", "one", mode: 0o700), put("b", "two"), put("c", "")])
        #expect(text("a") == "one" && text("b") == "two" && text("c")?.isEmpty == true)
        #expect(try SafeFile.read("\(folder.path)/a").mode == 0o700)
        #expect(try SafeFile.read("\(folder.path)/b").mode == 0o640)
        #expect(names == ["a", "b", "c"])
        try AtomicFile.replaceTogether([])
    }

    @Test func `a text that cannot be written keeps the others from being replaced`() throws {
        try AtomicFile.replace("\(folder.path)/a", with: Array("old".utf8))
        try #require(mkdir("\(folder.path)/b", 0o700) == 0)
        #expect(throws: FileProblem.self) {
            try AtomicFile.replaceTogether([put("a", "one"), put("b", "two")])
        }
        #expect(throws: FileProblem.self) {
            try AtomicFile.replaceTogether([put("a", "one"), put("nowhere/c", "three")])
        }
        #expect(text("a") == "old")
        #expect(names == ["a", "b"])
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a full disk leaves all old texts, and no others`() throws {
        try #require(execute(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path]) == 0)
        try AtomicFile.replaceTogether([put("a", "old"), put("b", "old")])
        let long = String(repeating: "x", count: 100_000)
        #expect(throws: FileProblem.self) {
            try AtomicFile.replaceTogether([put("a", "new"), put("b", long)])
        }
        #expect(text("a") == "old" && text("b") == "old" && names == ["a", "b"])
    }
}
