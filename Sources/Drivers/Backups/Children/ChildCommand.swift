import CSpawn
import ChildProcesses
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

    /// The first is a path, or a name to be looked for in the `PATH` of `environment`.
    var arguments: [String]
    /// The whole of it.
    var environment: [String: String]
    /// Where it runs; `nil` for where we do.
    var folder: String?
    var input = Input.nothing

    /// Starts it in a process group of its own, with no descriptor but the three streams.
    func spawn(_ streams: ChildStreams) throws(ShortCommandError) -> pid_t {
        try Spawn(arguments: arguments, environment: environment, folder: folder)
            .start(input: streams.theirs[0], output: streams.theirs[1], errors: streams.theirs[2])
    }
}

/// The two ends of a child's three streams.
struct ChildStreams {
    let theirs: [Int32]
    /// −1 for a standard input that is a file.
    let ours: [Int32]

    init(_ input: ChildCommand.Input) throws(ShortCommandError) {
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
            throw .cannotStart("a child process: no streams for it: \(reason)")
        }
        (self.ours, self.theirs) = (ours, theirs)
    }

    /// Nothing else closes them.
    static func close(_ descriptors: [Int32]) {
        for descriptor in descriptors where descriptor >= 0 { Glibc.close(descriptor) }
    }
}
