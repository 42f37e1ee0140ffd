import Glibc
import Testing

@testable import SafeFile

struct MarkedFileTests {
    private let folder = TemporaryFolder()

    private func marked() throws -> MarkedFile {
        try AtomicFile.replace(folder.path + "/app.conf", with: Array("text".utf8))
        return try MarkedFile(folder.path + "/app.conf", entry: "a/b")
    }

    @Test func `the folder is private and stands beside the real file`() throws {
        let real = try marked()
        mkdir(folder.path + "/enabled", 0o755)
        symlink("../app.conf", folder.path + "/enabled/app.conf")
        let linked = try MarkedFile(folder.path + "/enabled/app.conf", entry: "a/b")
        #expect(linked.markPath == real.markPath)
        try linked.prepare()
        var status = stat()
        #expect(stat(linked.folder, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
    }

    @Test func `an odd entry name stays inside the folder`() throws {
        #expect(try marked().markPath.hasSuffix("/.bgdeploy/app.conf.a%2fb.mark"))
    }

    @Test func `a folder that others can write to is refused`() throws {
        let file = try marked()
        mkdir(file.folder, 0o777)
        chmod(file.folder, 0o777)
        #expect(throws: FileProblem.self) { try file.prepare() }
    }

    @Test func `a value comes back, and none is nil`() throws {
        let file = try marked()
        try file.prepare()
        #expect(try file.value([String: Int].self, at: file.markPath) == nil)
        try file.setValue(["b": 1, "a": 2], at: file.markPath)
        #expect(try file.value([String: Int].self, at: file.markPath) == ["a": 2, "b": 1])
        let text = String(decoding: try file.side(file.markPath) ?? [], as: UTF8.self)
        #expect(text == "{\n  \"a\" : 2,\n  \"b\" : 1\n}\n")
    }

    @Test func `a value that is not readable is an error, not nothing`() throws {
        let file = try marked()
        try file.prepare()
        try file.setSide(file.markPath, Array("{".utf8))
        #expect(throws: FileProblem.self) { try file.value([String: Int].self, at: file.markPath) }
    }
}
