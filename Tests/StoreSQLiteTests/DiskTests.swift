import DeployCore
import DeployPorts
import Foundation
import StoreSQLite
import Testing

@testable import StoreLab

/// A small disk in memory; only root can make one.
private final class SmallDisk: Sendable {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try Self.shell("mount -t tmpfs -o size=2m,mode=755 tmpfs \(folder.path)")
    }

    deinit { try? Self.shell("umount -l \(folder.path)") }

    /// A file that somebody still has open for writing, such as a child on its way to exec, keeps the disk writable.
    func makeReadOnly() throws {
        let remount = "mount -o remount,ro \(folder.path)"
        try Self.shell("for i in $(seq 600); do \(remount) 2>/dev/null && exit 0; sleep 0.05; done; exit 1")
    }

    /// Leaves not a page free.
    func fill() {
        let file = open(folder.path + "/filler", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4096)
        while write(file, page, page.count) > 0 {}
    }

    func empty() { unlink(folder.path + "/filler") }

    private static func shell(_ command: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        struct Failed: Error {}
        guard process.terminationStatus == 0 else { throw Failed() }
    }

    static let isPossible = geteuid() == 0 && (try? SmallDisk()) != nil
}

@Suite(.enabled(if: SmallDisk.isPossible, "mounting a small disk needs root")) struct DiskTests {
    private let run = RunID(rawValue: "RUNA")

    @Test func `on a full disk the ballast makes room for a rollback's entries`() async throws {
        let disk = try SmallDisk()
        let store = try await SQLiteRunStore(path: disk.folder.journal)
        let lease = try await Sample.run("RUNA", entries: 3, in: store)
        disk.fill()
        var written = 0
        var refusal: RunStoreError?
        while refusal == nil, written < 5000 {
            refusal = await error {
                _ = try await store.append(Sample.succeeded(written), effects: [], to: run, lease: lease)
                written += 1
            }
        }
        guard case .full(let text) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(text.contains("free some space"))
        #expect(written >= 40, "the ballast gave \(written) appends")
        let ballast = disk.folder.path + "/state/journal.ballast"
        #expect(!FileManager.default.fileExists(atPath: ballast))
        let entries = try await store.entries(of: run, after: 0)
        #expect(entries.count == written + 3, "a refused append leaves nothing")
        disk.empty()
        let next = try await store.append(Sample.succeeded(0), effects: [], to: run, lease: lease)
        #expect(next.sequence == written + 4)
        let report = try await store.verify()
        #expect(report.breach == nil)
    }

    @Test func `a full disk is told as such when the journal is created`() async throws {
        let disk = try SmallDisk()
        disk.fill()
        let refusal = await error { _ = try await SQLiteRunStore(path: disk.folder.journal) }
        guard case .full = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
    }

    @Test func `a disk that became read-only refuses writes and says so`() async throws {
        let disk = try SmallDisk()
        let lease: Lease
        do {
            let store = try await SQLiteRunStore(path: disk.folder.journal)
            lease = try await Sample.run("RUNA", entries: 3, in: store)
        }
        try disk.makeReadOnly()
        let refusal = await error {
            let store = try await SQLiteRunStore(path: disk.folder.journal)
            _ = try await store.append(Sample.succeeded(1), effects: [], to: run, lease: lease)
        }
        guard case .unavailable(let text) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(text.contains("read and write") || text.contains("writable"), "\(text)")
    }
}
