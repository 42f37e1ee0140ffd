import FoundationEssentials
import Glibc

/// A file that several programs edit, with what is remembered about one entry of it in a private folder beside
/// it: `<folder of the file>/.bgdeploy/`.
///
/// The folder's name begins with a dot, so that `include …/*` and `-f folder` pass over it. In it, by the name
/// of the file and of the entry: `NAME.ENTRY.mark` (JSON), `NAME.ENTRY.previous` and `NAME.ENTRY.staged`
/// (texts of the file), `rollback-NAME.ENTRY.sh`, and `NAME.lock`, which every entry of the file shares.
package struct MarkedFile: Sendable {
    /// With every symbolic link resolved: the file behind a link is edited, never the link.
    package let path: String
    package let folder: String
    private let prefix: String

    /// Fails when there is no file at `path`.
    package init(_ path: String, entry: String) throws(FileProblem) {
        self.path = try SafeFile.resolve(path)
        folder = AtomicFile.folder(of: self.path) + "/.bgdeploy"
        prefix = "\(folder)/\(AtomicFile.name(of: self.path))"
        let safe = entry.utf8.map { byte -> String in
            let plain = Self.isPlain(byte)
            return plain ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16)
        }
        self.entry = safe.joined()
    }

    private let entry: String

    package var markPath: String { "\(prefix).\(entry).mark" }
    package var previousPath: String { "\(prefix).\(entry).previous" }
    package var stagedPath: String { "\(prefix).\(entry).staged" }
    package var lockPath: String { "\(prefix).lock" }
    package var scriptPath: String { "\(folder)/rollback-\(AtomicFile.name(of: path)).\(entry).sh" }
    package func sidePath(_ name: String) -> String { "\(prefix).\(entry).\(name)" }

    // MARK: the file

    package func read() throws(FileProblem) -> FileContents { try SafeFile.read(path) }

    /// Replaces the file if it still has the digest `expected`.
    package func replace(
        with bytes: [UInt8],
        expecting expected: String?,
        modified: FileTime? = nil
    ) throws(FileProblem) {
        try AtomicFile.replace(
            path,
            with: bytes,
            expecting: expected,
            temporaries: folder,
            modified: modified
        )
    }

    /// The same in an emergency: on a full disk the text is written over in place.
    package func replaceInEmergency(with bytes: [UInt8], expecting expected: String) throws(FileProblem) {
        do throws(FileProblem) {
            try replace(with: bytes, expecting: expected)
        } catch {
            guard case .diskFull = error else { throw error }
            try AtomicFile.overwrite(path, with: bytes)
        }
    }

    /// Whether the file could be replaced now, changing nothing; the error says what stands in the way.
    package func checkWritable() throws(FileProblem) {
        let parent = AtomicFile.folder(of: path)
        guard access(parent, W_OK | X_OK) == 0 else { throw .of(errno, parent, "write to") }
        guard access(folder, F_OK) == 0 else { return }
        try checkFolder()
        guard access(folder, W_OK | X_OK) == 0 else { throw .of(errno, folder, "write to") }
    }

    // MARK: what is beside it

    /// The marks of every entry of this file.
    package var markPaths: [String] {
        guard let list = opendir(folder) else { return [] }
        defer { closedir(list) }
        let start = AtomicFile.name(of: path) + "."
        var paths: [String] = []
        while let item = readdir(list) {
            let name = withUnsafePointer(to: &item.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(start), name.hasSuffix(".mark") { paths.append("\(folder)/\(name)") }
        }
        return paths
    }

    /// Makes the private folder if it is not there.
    ///
    /// Refuses one that others could write to.
    package func prepare() throws(FileProblem) {
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw .of(errno, folder, "create") }
        try checkFolder()
    }

    private func checkFolder() throws(FileProblem) {
        var status = stat()
        guard lstat(folder, &status) == 0 else { throw .of(errno, folder, "read") }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .failed(path: folder, attempt: "use", reason: "it is not a folder")
        }
        guard status.st_mode & 0o022 == 0, status.st_uid == geteuid() || status.st_uid == 0 || geteuid() == 0
        else {
            throw .failed(path: folder, attempt: "use", reason: "others can write to it; chmod 700 it")
        }
    }

    package func lock(within milliseconds: Int) async throws(FileProblem) -> FileLock {
        try prepare()
        return try await FileLock.acquire(lockPath, within: milliseconds)
    }

    /// The text beside the file at `path`; `nil` when there is none.
    package func side(_ path: String) throws(FileProblem) -> [UInt8]? {
        do throws(FileProblem) {
            return try SafeFile.read(path).bytes
        } catch {
            if case .missing = error { return nil }
            throw error
        }
    }

    /// `nil` removes it.
    ///
    /// `mode` is for a text that was not there. `durability` says when it has to outlive a loss of power.
    package func setSide(
        _ path: String,
        _ bytes: [UInt8]?,
        mode: UInt32 = 0o600,
        durability: Durability = .now
    ) throws(FileProblem) {
        if let bytes {
            try AtomicFile.replace(path, with: bytes, newMode: mode, durability: durability)
        } else {
            try AtomicFile.remove(path, durability: durability)
        }
    }

    /// The JSON value beside the file; `nil` when there is none.
    package func value<Value: Decodable>(
        _ type: Value.Type,
        at path: String
    ) throws(FileProblem) -> Value? {
        guard let bytes = try side(path) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw .failed(path: path, attempt: "understand", reason: "\(error)")
        }
    }

    /// Keeps `value` as JSON for people: indented, its keys sorted.
    package func setValue(_ value: some Encodable, at path: String) throws(FileProblem) {
        try setSide(path, try Self.encoded(value))
    }

    package static func encoded(_ value: some Encodable) throws(FileProblem) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw .failed(path: "\(type(of: value))", attempt: "encode", reason: "\(error)")
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
