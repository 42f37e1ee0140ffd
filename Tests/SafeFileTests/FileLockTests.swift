import Glibc
import Testing

@testable import SafeFile

struct FileLockTests {
    private let folder = TemporaryFolder()
    private var path: String { folder.path + "/lock" }

    @Test func `the second waits until the first lets go`() async throws {
        let first = try await FileLock.acquire(path, within: 1000)
        async let second = FileLock.acquire(path, within: 10_000)
        first.release()
        try await second.release()
    }

    @Test func `a lock that is not let go names its holder`() async throws {
        let first = try await FileLock.acquire(path, within: 1000)
        do {
            _ = try await FileLock.acquire(path, within: 20)
            Issue.record("locked twice")
        } catch {
            guard case .locked(_, let holder?) = error else { Issue.record("\(error)"); return }
            #expect(holder.process == getpid())
        }
        first.release()
    }

    @Test func `the last reference lets go`() async throws {
        do { _ = try await FileLock.acquire(path, within: 1000) }
        _ = try await FileLock.acquire(path, within: 0)
    }

    @Test func `a removed lock file is no way around the lock`() async throws {
        let first = try await FileLock.acquire(path, within: 1000)
        unlink(path)
        let second = try await FileLock.acquire(path, within: 1000)
        #expect(FileLock.holder(of: path) != nil)
        first.release()
        second.release()
    }

    @Test func `only a holder of the right name is killed`() async throws {
        let program = folder.path + "/hanging-holder"
        #expect(execute(["cp", "/usr/bin/flock", program]) == 0)
        let id = start([program, "-o", path, "sleep", "60"])
        try #require(id > 0)
        defer {
            kill(-id, SIGKILL)
            waitpid(id, nil, 0)
        }
        try await eventually { FileLock.holder(of: path)?.executable == "hanging-holder" }
        #expect(!FileLock.killHolder(of: path, ifCalled: "bgdeploy"))
        #expect(FileLock.killHolder(of: path, ifCalled: "hanging-holder"))
        _ = try await FileLock.acquire(path, within: 5000)
    }
}

/// Looks again and again, for ten seconds at most.
func eventually(_ condition: () -> Bool) async throws {
    let end = MonotonicClock.milliseconds() + 10_000
    while !condition() {
        try #require(MonotonicClock.milliseconds() < end, "it never happened")
        await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
    }
}
