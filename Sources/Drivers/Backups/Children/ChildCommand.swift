import CSpawn
import Glibc

/// A program with its arguments and surroundings.
struct ChildCommand: Sendable {
    enum Input: Hashable, Sendable {
        /// At its end from the beginning.
        case nothing
        case file(String)
        /// What we write.
        case ours
    }

    /// The first is a path, or a name to be looked for in our `PATH`.
    var arguments: [String]
    /// The whole of it.
    var environment: [String: String]
    /// Where it runs; `nil` for where we do.
    var folder: String?
    var input = Input.nothing

    /// Starts it in a process group of its own, with no descriptor but the three streams.
    func spawn(_ streams: ChildStreams) throws(Child.Refusal) -> pid_t {
        let name = arguments.first ?? ""
        let variables = environment.map { "\($0)=\($1)" }
        guard !(arguments + variables).contains(where: { $0.utf8.contains(0) }) else {
            throw Child.Refusal(reason: "\(name): an argument or a variable holds a NUL byte")
        }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (number, descriptor) in streams.theirs.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }
        // A thread of ours may have signals blocked, and the child would inherit that.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let masks = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        let flags = Int32(POSIX_SPAWN_SETPGROUP) | masks
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var process: pid_t = 0
        let texts = [arguments, variables].map { $0.map { strdup($0) } }
        defer { for text in texts.joined() { free(text) } }
        let code = posix_spawnp(&process, name, &actions, &attributes, texts[0] + [nil], texts[1] + [nil])
        guard code == 0 else { throw Child.Refusal(reason: "\(name): \(String(cString: strerror(code)))") }
        return process
    }
}

/// The two ends of a child's three streams.
struct ChildStreams {
    let theirs: [Int32]
    /// −1 for a standard input that is a file.
    let ours: [Int32]

    init(_ input: ChildCommand.Input) throws(Child.Refusal) {
        var (ours, theirs): ([Int32], [Int32]) = ([], [])
        var pair: [Int32] = [-1, -1]
        switch input {
        case .ours:
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            if socketpair(AF_UNIX, kind, 0, &pair) == 0 {
                ours.append(pair[1])
                theirs.append(pair[0])
            }
        case .nothing, .file:
            let path = if case .file(let path) = input { path } else { "/dev/null" }
            ours.append(-1)
            theirs.append(open(path, O_RDONLY | O_CLOEXEC))
        }
        for _ in 1...2 where pipe2(&pair, O_CLOEXEC) == 0 {
            ours.append(pair[0])
            theirs.append(pair[1])
        }
        guard ours.count == 3, theirs.allSatisfy({ $0 >= 0 }) else {
            let reason = String(cString: strerror(errno))
            Self.close(ours + theirs)
            throw Child.Refusal(reason: "no streams for a child process: \(reason)")
        }
        (self.ours, self.theirs) = (ours, theirs)
    }

    /// Nothing else closes them.
    static func close(_ descriptors: [Int32]) {
        for descriptor in descriptors where descriptor >= 0 { Glibc.close(descriptor) }
    }
}
