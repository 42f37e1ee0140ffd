import DeployPorts
import Foundation
import Glibc
import SafeFile

/// Where the backups of a playbook are kept: a private folder with private files.
///
/// A backup is a file, its checksum (`.sha256`, which `sha256sum -c` reads) and its manifest (`.json`), which is
/// written last: what has none is not a backup.
struct BackupFolder: Sendable {
    let path: String

    /// Makes the folder if it is not there; refuses one that others could write to.
    func prepare() throws(StepFailure) {
        var status = stat()
        if stat(path, &status) != 0 {
            do {
                try FileManager.default.createDirectory(
                    atPath: path,
                    withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700]
                )
            } catch {
                let reason = error.localizedDescription
                throw StepFailure("cannot make the folder \(path): \(reason)", isTransient: false)
            }
            guard stat(path, &status) == 0 else { throw StepFailure("\(path) is gone", isTransient: false) }
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StepFailure("\(path) is not a folder", isTransient: false)
        }
        guard status.st_mode & 0o022 == 0, status.st_uid == geteuid() || geteuid() == 0 else {
            throw StepFailure(
                "others can write to \(path), where the backup would be: chmod 700 it",
                isTransient: false
            )
        }
    }

    /// Fails when there is not a quarter of `bytes`, the database's size: a dump is compressed.
    ///
    /// `copies` is how many files of the dump's size there will be at once.
    func checkSpace(for bytes: Int?, copies: Int) throws(StepFailure) {
        var status = statvfs()
        guard let bytes, statvfs(path, &status) == 0 else { return }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        let needed = max(bytes / 4, 1 << 16) * copies
        guard free >= needed else {
            throw StepFailure(
                "the database has \(ByteCount(bytes)), so that its dump may need \(ByteCount(needed)), and on the "
                    + "file system of \(path) there are \(ByteCount(free)) left: make room, or name another folder",
                isTransient: false
            )
        }
    }

    // MARK: one backup

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Gives the finished file its name, with its checksum beside it.
    func publish(_ part: String, as name: String, _ digest: String) throws(StepFailure) {
        let target = path(of: name)
        guard access(target, F_OK) != 0 else {
            throw StepFailure("\(target) is there already and is not replaced", isTransient: false)
        }
        guard rename(part, target) == 0 else {
            throw StepFailure("cannot name \(target): \(String(cString: strerror(errno)))")
        }
        try write(Array("\(digest)  \(name)\n".utf8), to: target + ".sha256")
    }

    func keep(_ manifest: BackupManifest) throws(StepFailure) {
        guard let bytes = try? manifest.encoded() else {
            throw StepFailure("\(manifest.file): its manifest cannot be written as JSON", isTransient: false)
        }
        try write(bytes, to: path(of: manifest.file) + ".json")
    }

    private func write(_ bytes: [UInt8], to file: String) throws(StepFailure) {
        do throws(FileProblem) {
            try AtomicFile.replace(file, with: bytes)
        } catch {
            throw StepFailure(error.message)
        }
    }

    /// Removes what the run left unfinished here: parts, and files without a manifest.
    func removeUnfinished(of run: String) {
        for name in FolderListing.names(in: path) where name.contains("-\(BackupName.plain(run)).dump") {
            let backup = name.hasSuffix(".sha256") ? String(name.dropLast(7)) : name
            let isKept = name.hasSuffix(".json") || access(path(of: backup) + ".json", F_OK) == 0
            if !isKept { unlink(path(of: name)) }
        }
    }

    /// The manifest goes first: what has none is not a backup.
    private func remove(_ name: String) {
        for end in [".json", ".sha256", ""] { unlink(path(of: name) + end) }
    }

    // MARK: all backups

    /// Those that have their file and their manifest, the newest first.
    func manifests() -> [BackupManifest] {
        FolderListing.names(in: path).compactMap { name -> BackupManifest? in
            guard name.hasSuffix(".json"), let contents = try? SafeFile.read(path(of: name), limit: 16 << 20),
                let manifest = BackupManifest(json: contents.bytes), "\(manifest.file).json" == name,
                access(path(of: manifest.file), F_OK) == 0
            else { return nil }
            return manifest
        }.sorted { ($0.ended, $0.file) > ($1.ended, $1.file) }
    }

    /// Removes backups of the same service and database that are older than `age` before `newest`, and returns
    /// their names; never `newest` itself, and nothing that has no manifest of ours.
    func removeOlder(than age: Duration, before newest: BackupManifest) -> [String] {
        let limit = newest.ended.addingTimeInterval(-age.inSeconds)
        let old = manifests().filter { manifest in
            manifest.file != newest.file && manifest.service == newest.service
                && manifest.database == newest.database && manifest.system == newest.system
                && manifest.ended < limit
        }
        for manifest in old { remove(manifest.file) }
        return old.map(\.file)
    }
}

/// Names of backups: of characters that cannot make a path.
enum BackupName {
    static func make(service: String, database: String, run: String, at time: Date) -> String {
        "\(plain(service))-\(plain(database))-\(stamp(time))-\(plain(run)).dump"
    }

    /// `20261121T143300Z`.
    static func stamp(_ time: Date) -> String {
        time.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
    }

    /// At most 64 letters, digits, `_` and dots within; anything else becomes a `_`.
    static func plain(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(64).map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ".": Character(scalar)
            default: "_"
            }
        }
        let result = String(kept)
        return result.isEmpty || result.hasPrefix(".") ? "_" + result.dropFirst() : result
    }
}
