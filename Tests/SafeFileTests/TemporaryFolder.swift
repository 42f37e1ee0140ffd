import Glibc

/// A folder of a test's own, removed with everything in it when the test lets it go.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/bgdeploy-test-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
    }

    deinit {
        for command in [["umount", "-l", path], ["rm", "-rf", path]] { _ = execute(command) }
    }
}

/// Runs a command and returns its exit status.
@discardableResult
func execute(_ words: [String]) -> Int32 {
    let id = start(words)
    guard id > 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0, errno == EINTR {}
    return status & 0x7f == 0 ? (status >> 8) & 0xff : -1
}

/// Starts a command in a process group of its own; -1 when it cannot be started.
func start(_ words: [String]) -> pid_t {
    var id: pid_t = 0
    let pointers = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    return posix_spawnp(&id, words[0], &actions, &attributes, pointers, environ) == 0 ? id : -1
}
