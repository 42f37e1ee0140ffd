import Foundation

/// Everything that people read in this repository.
enum Pages {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The pages' paths from the repository's root, sorted.
    static let all: [String] = {
        let docs = FileManager.default.enumerator(atPath: root.appending(path: "docs").path)
        var pages = [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md",
            "nginx/README.md",
        ]
        for case let name as String in docs ?? FileManager.DirectoryEnumerator() where name.hasSuffix(".md") {
            pages.append("docs/\(name)")
        }
        return pages.sorted()
    }()

    static func text(_ page: String) throws -> String {
        try String(contentsOf: root.appending(path: page), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).standardizedFileURL.path)
    }

    /// The blocks of every page.
    static func snippets() throws -> [Snippet] {
        try all.flatMap { Snippet.all(in: try text($0), page: $0) }
    }
}
