import BalancerFiles
import DeployCore
import Glibc
import SafeFile

/// Which files `nginx -T` told to be the configuration, kept beside the upstream's file: while nothing has
/// happened to any of them, nginx need not be asked again by the next run.
///
/// The weights in the upstream's file do not count, as every switch changes them and no reload follows. What
/// the files say is read each time all the same.
///
/// Persisted as lines: a checksum of the state of it all, the files in nginx's order, the folders. It is no
/// JSON because decoding that takes longer than all the rest. Losing it costs one `nginx -T`.
struct KnownConfiguration: Sendable {
    /// The main file first.
    let paths: [String]
    private let folders: [String]
    private let state: String

    /// `nil` when a file was changed about as late as nginx was asked, at `time`: it may have seen another text.
    init?(
        _ tree: ConfigurationTree,
        _ paths: [String],
        of board: NginxSwitchboard,
        _ keeper: MarkKeeper,
        askedAt time: FileTime
    ) {
        let others = paths.filter { (try? SafeFile.resolve($0)) != keeper.file.path }
        let areOlder = others.allSatisfy { path in FileStamp(path).map { $0.changed < time } ?? false }
        guard others.count < paths.count, areOlder else { return nil }
        let folders = tree.folders.sorted()
        guard !(paths + folders).contains(where: { $0.contains("\n") }),
            let state = Self.state(paths, folders, of: board, keeper)
        else { return nil }
        (self.paths, self.folders, self.state) = (paths, folders, state)
    }

    /// What is kept, if it is true still.
    static func current(_ keeper: MarkKeeper, of board: NginxSwitchboard) -> KnownConfiguration? {
        guard let bytes = try? keeper.file.side(path(keeper)),
            let known = KnownConfiguration(String(decoding: bytes, as: UTF8.self)),
            known.state == state(known.paths, known.folders, of: board, keeper)
        else { return nil }
        return known
    }

    private init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let middle = lines.firstIndex(of: ""), middle > 1, lines.last == "" else { return nil }
        state = lines[0]
        paths = Array(lines[1..<middle])
        folders = Array(lines[(middle + 1)...].dropLast())
    }

    func keep(by keeper: MarkKeeper) {
        let text = ([state] + paths + [""] + folders).joined(separator: "\n") + "\n"
        try? keeper.file.setSide(Self.path(keeper), Array(text.utf8), durability: .never)
    }

    private static func path(_ keeper: MarkKeeper) -> String { keeper.file.sidePath("configuration") }

    /// A checksum of everything that would make nginx tell something else, or refuse.
    private static func state(
        _ paths: [String],
        _ folders: [String],
        of board: NginxSwitchboard,
        _ keeper: MarkKeeper
    ) -> String? {
        guard let contents = try? keeper.file.read(), let outline = board.outline(contents) else {
            return nil
        }
        var parts = board.settings.test + [outline]
        for path in paths {
            guard let stamp = FileStamp(path) else { return nil }
            parts += [path, stamp.inode == contents.inode ? "" : stamp.text]
        }
        for folder in folders { parts += [folder] + ConfigurationStamp.names(in: folder) }
        return Digest.sha256(Array(parts.joined(separator: "\0").utf8))
    }

    /// Now, by the clock that stamps files.
    static func time() -> FileTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return FileTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

extension NginxSwitchboard {
    /// What of the upstream's file no switch changes; `nil` for a file that cannot be understood.
    fileprivate func outline(_ contents: FileContents) -> String? {
        let (first, second) = (board.environments[0], board.environments[1])
        func view(_ bytes: [UInt8]) -> UpstreamView? {
            try? UpstreamView(bytes, path: contents.path, settings: settings)
        }
        guard let seen = view(contents.bytes), let half = Percent(50) else { return nil }
        // Equal shares give small weights again; where nothing is ever divided, as with `ip_hash`, none grow.
        let even = try? seen.text(for: Split(second, half, other: first))
        let text = try? (even.flatMap(view) ?? seen).text(for: weights.split(allOn: first))
        return text.map { Digest.sha256($0) }
    }
}
