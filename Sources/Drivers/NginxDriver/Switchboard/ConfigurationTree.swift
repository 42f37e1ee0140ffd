import DeployPorts
import Glibc
import NginxConfig
import SafeFile

/// The whole configuration as nginx reads it: its files, and which block includes which.
struct ConfigurationTree: Sendable {
    struct File: Sendable {
        /// As nginx opened it; several when links lead to it.
        var names: [String]
        let contents: FileContents
        let configuration: NginxConfiguration
    }

    /// One directive of one file.
    struct Place: Hashable, Sendable {
        let file: Int
        let statement: Statement
    }

    let files: [File]
    private let folder: String

    /// `paths` is what `nginx -T` tells; the first is the main file, and relative names start at its folder.
    init(_ paths: [String]) throws(LoadBalancerError) {
        var files: [File] = []
        for path in paths {
            guard let contents = try Self.read(path) else { continue }
            if let index = files.firstIndex(where: { $0.contents.path == contents.path }) {
                files[index].names.append(path)
                continue
            }
            do throws(ConfigurationError) {
                let configuration = try NginxConfiguration(parsing: contents.bytes)
                files.append(File(names: [path], contents: contents, configuration: configuration))
            } catch {
                throw .misconfigured("\(path):\(error.description)")
            }
        }
        self.files = files
        folder = AtomicFile.folder(of: paths.first ?? "/")
    }

    /// `nil` when there is no such file: a comment may look like the name of one.
    private static func read(_ path: String) throws(LoadBalancerError) -> FileContents? {
        do throws(FileProblem) {
            return try SafeFile.read(path)
        } catch {
            if case .missing = error { return nil }
            throw .misconfigured("mode switchboard has to see the whole configuration: \(error.message)")
        }
    }

    /// Calls `body` for every directive, with the blocks around it, outermost first, across the files.
    func walk(_ body: (Place, _ around: [Place]) -> Void) {
        guard !files.isEmpty else { return }
        walk(file: 0, block: nil, around: [], depth: 0, body)
    }

    /// Where a file may come to be a part of it: the folders of its files, but for the private one of ours, and
    /// those that an `include` with a wildcard looks into, whether or not it finds something there.
    var folders: Set<String> {
        var folders = Set(files.flatMap(\.names).map { AtomicFile.folder(of: $0) })
        walk { place, _ in
            guard place.statement.name == "include", let name = place.statement.arguments.first else {
                return
            }
            let parts = absolute(name).split(separator: "/")
            let first = parts.firstIndex { $0.contains { "*?[".contains($0) } }
            if let first { folders.insert("/" + parts[..<first].joined(separator: "/")) }
        }
        return folders.filter { !$0.hasSuffix("/.bgdeploy") }
    }

    /// `FILE:LINE`.
    func name(of place: Place) -> String { "\(files[place.file].contents.path):\(place.statement.line)" }

    /// nginx itself gives up at a circle of includes, so a depth that no real configuration has ends one
    /// here.
    private static let deepest = 64

    private func walk(
        file: Int,
        block: Statement?,
        around: [Place],
        depth: Int,
        _ body: (Place, [Place]) -> Void
    ) {
        guard depth < Self.deepest else { return }
        for statement in files[file].configuration.statements(in: block) {
            let place = Place(file: file, statement: statement)
            body(place, around)
            if statement.name == "include", let pattern = statement.arguments.first, !statement.hasBlock {
                for included in matches(of: pattern) {
                    walk(file: included, block: nil, around: around, depth: depth + 1, body)
                }
            } else if statement.hasBlock {
                walk(file: file, block: statement, around: around + [place], depth: depth + 1, body)
            }
        }
    }

    private func absolute(_ pattern: String) -> String {
        pattern.hasPrefix("/") ? pattern : "\(folder)/\(pattern)"
    }

    /// As glob(3) matches: no wildcard meets a slash, or the dot that begins a name.
    private func matches(of pattern: String) -> [Int] {
        let whole = absolute(pattern)
        return files.indices.filter { index in
            files[index].names.contains { $0 == whole || fnmatch(whole, $0, FNM_PATHNAME | FNM_PERIOD) == 0 }
        }
    }
}
