import Glibc
import Testing

@testable import SafeFile

struct AtomicFileTests {
    private let folder = TemporaryFolder()
    private var path: String { folder.path + "/app.conf" }

    private func write(_ text: String, mode: UInt32 = 0o640) throws {
        try AtomicFile.replace(path, with: Array(text.utf8), newMode: mode)
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try SafeFile.read(path).bytes, as: UTF8.self)
    }

    @Test func `a text comes back as it was written, with its checksum`() throws {
        try write("abc")
        let contents = try SafeFile.read(path)
        #expect(contents.bytes == Array("abc".utf8))
        #expect(contents.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(contents.mode == 0o640)
    }

    @Test func `a link stays a link and its target gets the text`() throws {
        try write("old")
        let link = folder.path + "/link"
        #expect(symlink("app.conf", link) == 0)
        try AtomicFile.replace(link, with: Array("new".utf8))
        #expect(ProcFile.link(link) == "app.conf")
        #expect(try text(path) == "new")
    }

    @Test func `mode, owner and group stay`() throws {
        try write("old", mode: 0o604)
        let isRoot = geteuid() == 0
        if isRoot { #expect(chown(path, 12, 34) == 0) }
        try AtomicFile.replace(path, with: Array("new".utf8))
        let contents = try SafeFile.read(path)
        #expect(contents.mode == 0o604)
        if isRoot {
            #expect(contents.owner == 12)
            #expect(contents.group == 34)
        }
    }

    @Test func `a time of modification can be given back`() throws {
        try write("old")
        let before = try SafeFile.read(path).modified
        try write("new")
        try AtomicFile.replace(path, with: Array("old".utf8), modified: before)
        #expect(try SafeFile.read(path).modified == before)
    }

    @Test func `an unexpected text is not overwritten and is handed back`() throws {
        try write("theirs")
        let path = path
        #expect(throws: FileProblem.changedMeanwhile(path: path, found: Array("theirs".utf8))) {
            try AtomicFile.replace(path, with: [1], expecting: Digest.sha256(Array("ours".utf8)))
        }
        #expect(try text(path) == "theirs")
    }

    @Test func `a missing file and a folder are told apart`() {
        let folder = folder.path
        #expect(throws: FileProblem.missing(path: folder + "/none")) { try SafeFile.read(folder + "/none") }
        #expect(throws: FileProblem.notAFile(path: folder)) { try SafeFile.read(folder) }
    }

    @Test func `a file over the limit is refused`() throws {
        try write("12345")
        let path = path
        #expect(throws: FileProblem.tooLarge(path: path, limit: 4)) { try SafeFile.read(path, limit: 4) }
    }

    @Test func `a named pipe does not block the reader`() {
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: FileProblem.notAFile(path: pipe)) { try SafeFile.read(pipe) }
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a read-only file system is named as such and nothing is left behind`() throws {
        #expect(execute(["mount", "-t", "tmpfs", "none", folder.path]) == 0)
        try write("old")
        #expect(execute(["mount", "-o", "remount,ro", folder.path]) == 0)
        #expect {
            try AtomicFile.replace(path, with: Array("new".utf8))
        } throws: { error in
            if case .readOnly = error as? FileProblem { true } else { false }
        }
        #expect(try text(path) == "old")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a full disk leaves the old text and no temporary file`() throws {
        #expect(execute(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder.path]) == 0)
        try write("old")
        #expect {
            try AtomicFile.replace(path, with: [UInt8](repeating: 65, count: 200_000))
        } throws: { error in
            if case .diskFull = error as? FileProblem { true } else { false }
        }
        #expect(try text(path) == "old")
        // The temporary file is gone: what it took is free again.
        try AtomicFile.replace(path, with: [UInt8](repeating: 65, count: 30_000))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a file that is a mount point is refused with advice`() throws {
        try write("old")
        let other = folder.path + "/other"
        try AtomicFile.replace(other, with: [])
        #expect(execute(["mount", "--bind", path, other]) == 0)
        defer { execute(["umount", other]) }
        #expect(throws: FileProblem.mountPoint(path: other)) { try AtomicFile.replace(other, with: [1]) }
    }
}
