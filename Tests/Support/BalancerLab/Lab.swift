import DeployCore
import DeployPorts
import Glibc
import SafeFile
import Testing

/// A process of a test's own, ended with its group when the test lets it go.
final class LabProcess: Sendable {
    let id: pid_t

    init(_ words: [String]) throws {
        var id: pid_t = 0
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let code = posix_spawnp(&id, words[0], &actions, &attributes, pointers, environ)
        try #require(code == 0, "\(words[0]) cannot be started: \(String(cString: strerror(code)))")
        self.id = id
    }

    deinit { end() }

    func end() {
        kill(-id, SIGCONT)
        kill(-id, SIGTERM)
        for _ in 0..<400 {
            if waitpid(id, nil, WNOHANG) != 0 { break }
            MonotonicClock.pause(milliseconds: 5)
        }
        kill(-id, SIGKILL)
        waitpid(id, nil, 0)
    }
}

/// A folder of a test's own, removed when the test lets it go.
final class LabFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/bgdeploy-lab-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
        chmod(path, 0o755)
    }

    deinit {
        for words in [["umount", "-l", path], ["rm", "-rf", path]] {
            if let process = try? LabProcess(words) { waitpid(process.id, nil, 0) }
        }
    }

    func write(_ name: String, _ text: String) throws {
        try AtomicFile.replace("\(path)/\(name)", with: Array(text.utf8), newMode: 0o644)
    }

    func text(_ name: String) -> String {
        String(decoding: (try? SafeFile.read("\(path)/\(name)").bytes) ?? [], as: UTF8.self)
    }
}

struct LabClock: Timekeeper {
    func now() -> Timestamp { Timestamp(milliseconds: 1_700_000_000_000) }
    func sleep(for span: Span) async throws(CancellationError) {}
}

let blue = EnvironmentName("blue")
let green = EnvironmentName("green")

/// The split in which green has `share` percent.
func greenHas(_ share: Int) throws -> Split { Split(green, try #require(Percent(share)), other: blue) }

let firstToken = FencingToken(epoch: 0, counter: 1)

/// Looks again and again, for a minute at most.
func eventually(_ what: String, _ condition: @Sendable () -> Bool) async throws {
    let end = MonotonicClock.milliseconds() + 60_000
    while !condition() {
        try #require(MonotonicClock.milliseconds() < end, "never seen: \(what)")
        await BlockingWork.run { MonotonicClock.pause(milliseconds: 5) }
    }
}

func isInstalled(_ program: String) -> Bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"].contains {
        access("\($0)/\(program)", X_OK) == 0
    }
}
