import BalancerFiles
import DeployPorts
import Glibc
import SafeFile

/// Files that an installation has written so far, and how they were.
struct BoardInstallation: Sendable {
    private struct Written: Sendable {
        let change: FileChange
        /// `nil` for a file that was not there.
        let modified: FileTime?
    }

    private let keeper: MarkKeeper
    /// Its time of modification tells when everything was installed.
    private let http: String
    private let httpModified: FileTime?
    private let record: [UInt8]?
    private var written: [Written] = []

    init(keeper: MarkKeeper, http: String) {
        self.keeper = keeper
        self.http = http
        httpModified = FileStamp(http)?.modified
        record = try? keeper.file.side(BoardRecord.path(keeper))
    }

    mutating func write(_ change: FileChange) throws(FileProblem) {
        let modified = FileStamp(change.path)?.modified
        try AtomicFile.replace(
            change.path,
            with: change.after,
            expecting: modified == nil ? nil : Digest.sha256(change.before),
            newMode: 0o644
        )
        written.append(Written(change: change, modified: modified))
    }

    /// Gives the file for `http` a time of modification; `nil` is now.
    func touch(_ time: FileTime?) throws(FileProblem) {
        let seconds = time.map {
            timespec(
                tv_sec: Int($0.nanoseconds / 1_000_000_000),
                tv_nsec: Int($0.nanoseconds % 1_000_000_000)
            )
        }
        let result =
            seconds.map { utimensat(AT_FDCWD, http, [$0, $0], 0) } ?? utimensat(AT_FDCWD, http, nil, 0)
        guard result == 0 else { throw .forbidden(path: http, attempt: "touch") }
    }

    /// Makes every file what it was, with its old time, so that it counts as loaded.
    ///
    /// Leaves a file alone that somebody changed meanwhile, and fails then.
    func undo() throws(FileProblem) {
        for part in written.reversed() {
            guard let modified = part.modified else {
                try AtomicFile.remove(part.change.path)
                continue
            }
            try AtomicFile.replace(
                part.change.path,
                with: part.change.before,
                expecting: Digest.sha256(part.change.after),
                modified: modified
            )
        }
        if let httpModified { try touch(httpModified) }
        try keeper.file.setSide(BoardRecord.path(keeper), record)
    }
}
