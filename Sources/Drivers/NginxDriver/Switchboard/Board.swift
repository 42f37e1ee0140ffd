import DeployCore
import DeployPorts
import Glibc
import SafeFile

/// The folder that nginx's workers look into: `cur` is a link to one of the `sets`.
///
///     cur -> sets/0250-c2     where the traffic is
///     back -> sets/0000       made ready for an emergency, which then needs no space on the disk
///     sets/0250-c2/           made once, never changed: see ``BoardSet``
///         .set                its name and what it means, for the probe
///         blue-or-green       whose bucket is not below goes to blue
///         green-or-blue/000 … 249
///         users-green         -> ../../users/1f2e3d4c5b6a
///     users/1f2e3d4c5b6a/ana  a file for each chosen user
struct Board: Sendable {
    static let nameFile = ".set"
    /// Beyond this, sets that nothing points to are removed.
    static let mostSets = 64

    let folder: String
    let environments: [EnvironmentName]

    var curPath: String { "\(folder)/cur" }
    var backPath: String { "\(folder)/back" }
    private var setsPath: String { "\(folder)/sets" }

    // MARK: looking

    /// Where `cur` points to; `nil` when it is not there or points to nothing of ours.
    var current: BoardSet? { target(of: curPath) }

    /// Where an emergency would go.
    var back: BoardSet? { target(of: backPath) }

    private func target(of link: String) -> BoardSet? {
        guard let target = ProcFile.link(link), target.hasPrefix("sets/") else { return nil }
        return BoardSet(named: String(target.dropFirst("sets/".count)))
    }

    /// Whether the folder of the set is there with everything that its name promises.
    func isWhole(_ set: BoardSet) -> Bool {
        let path = "\(setsPath)/\(set.name)"
        guard access("\(path)/\(flag(of: set))", F_OK) == 0, access("\(path)/\(Self.nameFile)", F_OK) == 0
        else { return false }
        if let chosen = set.chosen {
            let users = "users-\(environments[chosen.side])"
            guard ProcFile.link("\(path)/\(users)") == "../../users/\(chosen.digest)",
                access("\(path)/\(users)/.", F_OK) == 0
            else { return false }
        }
        return FolderList.count(in: "\(path)/\(buckets(of: set))") == set.tenths
    }

    /// The file that gives the first environment what the second has not.
    private func flag(of set: BoardSet) -> String { label(0, of: set) }

    private func buckets(of set: BoardSet) -> String { label(1, of: set) }

    private func label(_ side: Int, of set: BoardSet) -> String {
        let own = environments[side].rawValue
        return set.candidate == side ? "\(own)-or-\(environments[1 - side])" : own
    }

    // MARK: turning

    /// Makes `set` the one in force, in one step that no request sees half of; durable after ``sync()``.
    func turn(to set: BoardSet) throws(FileProblem) {
        try point(curPath, to: set)
    }

    /// Makes a link ready that only has to be renamed.
    func prepareBack(to set: BoardSet) throws(FileProblem) {
        if back != set { try point(backPath, to: set) }
    }

    /// Goes to where ``prepareBack(to:)`` pointed, needing no space; false when that is not `set`.
    func turnBack(to set: BoardSet) -> Bool {
        guard back == set else { return false }
        return rename(backPath, curPath) == 0
    }

    private func point(_ link: String, to set: BoardSet) throws(FileProblem) {
        let fresh = "\(folder)/.link.\(getpid()).\(UInt32.random(in: 0 ... .max))"
        guard symlink("sets/\(set.name)", fresh) == 0 else { throw Self.problem(fresh, "create") }
        guard rename(fresh, link) == 0 else {
            let problem = Self.problem(link, "replace")
            unlink(fresh)
            throw problem
        }
    }

    /// Makes every turn so far outlast a loss of power.
    func sync() throws(FileProblem) { try Self.sync(folder) }

    // MARK: making

    /// Makes the folders; the workers must be able to search them.
    func prepare() throws(FileProblem) {
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/\(part)"
            if access(path, F_OK) != 0 { try Self.makeFolder(path) }
        }
        for name in ["sets", "users"] where access("\(folder)/\(name)", F_OK) != 0 {
            try Self.makeFolder("\(folder)/\(name)")
        }
    }

    /// Makes the set unless it is there, whole and durable.
    func make(_ set: BoardSet, users: ChosenUsers?) throws(FileProblem) {
        guard !isWhole(set) else { return }
        if set.chosen != nil, let users { try make(users) }
        let path = "\(setsPath)/\(set.name)"
        try replaceFolder(path) { fresh throws(FileProblem) in
            let text = "\(set.name) \(set.split(environments))\n"
            let file = "\(fresh)/\(Self.nameFile)"
            try AtomicFile.replace(file, with: Array(text.utf8), newMode: 0o644)
            try Self.makeEmptyFile("\(fresh)/\(flag(of: set))", like: file)
            if let chosen = set.chosen {
                let link = "\(fresh)/users-\(environments[chosen.side])"
                guard symlink("../../users/\(chosen.digest)", link) == 0 else {
                    throw Self.problem(link, "create")
                }
            }
            let folder = "\(fresh)/\(buckets(of: set))"
            try Self.makeFolder(folder)
            for bucket in 0..<set.tenths {
                try Self.makeEmptyFile("\(folder)/\(BoardSet.file(ofBucket: bucket))", like: file)
            }
            try Self.sync(folder)
        }
    }

    /// Makes the folder of the users unless it is there; a hundred thousand take seconds.
    func make(_ users: ChosenUsers) throws(FileProblem) {
        let path = "\(folder)/users/\(BoardSet.digest(of: users))"
        guard access(path, F_OK) != 0 else { return }
        try replaceFolder(path) { fresh throws(FileProblem) in
            // A file has 65,000 names at most on ext4.
            for (index, user) in users.values.enumerated() {
                let first = users.values[index - index % 50_000]
                try Self.makeEmptyFile("\(fresh)/\(user)", like: user == first ? nil : "\(fresh)/\(first)")
            }
        }
    }

    /// Fills a folder under another name and gives it its own when it is whole.
    private func replaceFolder(
        _ path: String,
        _ fill: (String) throws(FileProblem) -> Void
    ) throws(FileProblem) {
        let fresh = "\(AtomicFile.folder(of: path))/.\(AtomicFile.name(of: path)).\(getpid())"
        FolderList.remove(fresh)
        do throws(FileProblem) {
            try Self.makeFolder(fresh)
            try fill(fresh)
            try Self.sync(fresh)
            if rename(fresh, path) != 0 {
                // Somebody's hands were in the one that is there.
                guard rename(path, fresh + ".old") == 0, rename(fresh, path) == 0 else {
                    throw Self.problem(path, "replace")
                }
                FolderList.remove(fresh + ".old")
            }
            try Self.sync(AtomicFile.folder(of: path))
        } catch {
            FolderList.remove(fresh)
            throw error
        }
    }

    /// Removes sets and users that nothing points to, once there are many.
    func prune(keeping set: BoardSet) {
        let names = FolderList.names(in: setsPath)
        guard names.count > Self.mostSets else { return }
        let kept = Set([set.name, "0000", "1000"] + [current, back].compactMap { $0?.name })
        for name in names where !kept.contains(name) { FolderList.remove("\(setsPath)/\(name)") }
        let digests = Set(kept.compactMap { BoardSet(named: $0)?.chosen?.digest })
        for name in FolderList.names(in: "\(folder)/users") where !digests.contains(name) {
            FolderList.remove("\(folder)/users/\(name)")
        }
    }

    // MARK: parts

    /// Searchable by everybody whatever the umask is.
    private static func makeFolder(_ path: String) throws(FileProblem) {
        guard mkdir(path, 0o755) == 0, chmod(path, 0o755) == 0 else { throw problem(path, "create") }
    }

    /// A second name of `file` is cheaper than a file of its own.
    private static func makeEmptyFile(_ path: String, like file: String?) throws(FileProblem) {
        if let file, link(file, path) == 0 { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw problem(path, "create") }
        close(descriptor)
    }

    private static func sync(_ folder: String) throws(FileProblem) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw problem(folder, "write") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw problem(folder, "write") }
    }

    private static func problem(_ path: String, _ attempt: String) -> FileProblem {
        let code = errno
        return switch code {
        case EACCES, EPERM: .forbidden(path: path, attempt: attempt)
        case EROFS: .readOnly(path: path)
        case ENOSPC, EDQUOT: .diskFull(path: path)
        default: .failed(path: path, attempt: attempt, reason: String(cString: strerror(code)))
        }
    }
}
