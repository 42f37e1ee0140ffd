import CSpawn
import Glibc

/// Starts child processes with `posix_spawn`.
///
/// A child gets its three streams and no other descriptor of ours, every signal at its default and none
/// blocked, its own process group (so that it can be ended with all that it started) or its own session.
package struct Spawn {
    let arguments: [String]
    let environment: [String: String]
    /// Where it starts; `nil` for ours.
    let folder: String?
    /// Its own session lets it outlive our terminal and us.
    let newSession: Bool

    package init(
        arguments: [String],
        environment: [String: String],
        folder: String? = nil,
        newSession: Bool = false
    ) {
        (self.arguments, self.environment) = (arguments, environment)
        (self.folder, self.newSession) = (folder, newSession)
    }

    /// Returns its number, which is its group's too.
    package func start(input: Int32, output: Int32, errors: Int32) throws(ShortCommandError) -> Int32 {
        let path = try executable()
        guard !(arguments + environment.map { "\($0)=\($1)" }).contains(where: { $0.utf8.contains(0) }) else {
            throw .cannotStart("an argument or variable of \(arguments[0]) holds a NUL byte")
        }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (ours, theirs) in [(input, 0), (output, 1), (errors, 2)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, ours, theirs)
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let kind = newSession ? Int32(cspawn_setsid) : Int32(POSIX_SPAWN_SETPGROUP)
        let flags = kind | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var process: pid_t = 0
        let failure = withCStrings(arguments) { arguments in
            withCStrings(environment.map { "\($0)=\($1)" }) { environment in
                posix_spawn(&process, path, &actions, &attributes, arguments, environment)
            }
        }
        guard failure == 0 else { throw refusal(failure, path: path) }
        return process
    }

    private func refusal(_ number: Int32, path: String) -> ShortCommandError {
        switch number {
        case EACCES: .notExecutable(path)
        case ENOENT: .cannotStart("\(path): the interpreter named in its first line does not exist")
        case ENOEXEC: .cannotStart("\(path): not a program, and no `#!` in its first line")
        default: .cannotStart("\(path): \(systemErrorText(number))")
        }
    }

    /// The program's path: names without a `/` are looked for in the child's `PATH` and then in the system
    /// administrator's folders, which a service's or an ordinary user's `PATH` often lacks.
    private func executable() throws(ShortCommandError) -> String {
        if let folder, !isFolder(folder) { throw .cannotStart("the folder \(folder) does not exist") }
        guard let name = arguments.first, !name.isEmpty else { throw .notFound("") }
        guard !name.contains("/") else {
            let seenFromHere = name.hasPrefix("/") ? name : "\(folder ?? ".")/\(name)"
            guard access(seenFromHere, F_OK) == 0 else { throw .notFound(name) }
            guard access(seenFromHere, X_OK) == 0, !isFolder(seenFromHere) else { throw .notExecutable(name) }
            return name
        }
        let path =
            (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
        var found: String?
        // An empty entry would mean the working folder: never taken.
        for folder in path.split(separator: ":") where folder.hasPrefix("/") {
            let candidate = "\(folder)/\(name)"
            guard access(candidate, F_OK) == 0, !isFolder(candidate) else { continue }
            if access(candidate, X_OK) == 0 { return candidate }
            found = found ?? candidate
        }
        if let found { throw .notExecutable(found) }
        throw .notFound(name)
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// Hands `texts` to `body` as a null-terminated array of C strings.
private func withCStrings<Result>(
    _ texts: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else {
            preconditionFailure("an array of at least one is never empty")
        }
        return body(base)
    }
}
