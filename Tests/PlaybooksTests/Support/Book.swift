import DeployCore
import DeployPorts
import Playbooks
import Testing

/// A small playbook without mistakes, seven lines long.
enum Book {
    static let base = """
        service: mina
        environments:
          blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
          green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }
        balancers:
          - nginx: /etc/nginx/mina.conf
            upstream: mina

        """

    /// The base with `more`, which begins in line 8.
    static func loaded(
        _ more: String = "",
        catalogue: Catalogue = StubCatalogue.catalogue
    ) throws -> Playbook {
        try Playbook.load(text: base + more, path: "book.yml", catalogue: catalogue).get()
    }

    static func mistakes(in text: String) -> [String] { mistakes(in: Array(text.utf8)) }

    static func mistakes(in bytes: [UInt8]) -> [String] {
        let result = Playbook.load(bytes: bytes, path: "book.yml", catalogue: StubCatalogue.catalogue)
        return switch result {
        case .success: []
        case .failure(let error): error.lines
        }
    }

    static func plan(
        _ playbook: Playbook,
        candidate: EnvironmentName = EnvironmentName("green")
    ) throws -> FrozenPlan {
        let version = try playbook.version("v2.5.0")
        let stable =
            candidate == EnvironmentName("green") ? EnvironmentName("blue") : EnvironmentName("green")
        return playbook.plan(version: version, previousVersion: nil, stable: stable, candidate: candidate)
    }
}

/// Expects exactly these mistakes: each begins with its place and has all of its words.
func expect(
    _ found: [String],
    _ expected: [(place: String, words: [String])],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let shown = found.joined(separator: "\n")
    #expect(found.count == expected.count, "\(shown)", sourceLocation: sourceLocation)
    for (line, wanted) in zip(found, expected) {
        let fits =
            line.hasPrefix("book.yml:\(wanted.place): ") && wanted.words.allSatisfy { line.contains($0) }
        #expect(fits, "\(line)\nis not \(wanted)", sourceLocation: sourceLocation)
    }
}
