import DeployOperations
import Foundation
import Playbooks
import Testing
import Yams

/// Every piece of a playbook in the documentation is one that `bgdeploy check` takes.
@Suite struct PlaybookSnippetTests {
    /// What a playbook cannot do without, by key.
    private static let parts = [
        ("balancers", "balancers: [{ nginx: /etc/nginx/conf.d/mina.conf, upstream: mina_backend }]\n"),
        (
            "environments",
            """
            environments:
              blue: { url: "http://127.0.0.1:5001", servers: ["127.0.0.1:5001"] }
              green: { url: "http://127.0.0.1:5002", servers: ["127.0.0.1:5002"] }

            """
        ),
        ("public_url", "public_url: https://mina.example.com\n"),
        ("service", "service: mina\n"),
    ]

    /// Where a piece without a key of its own may stand, with what a whole one of its kind needs besides.
    private static let places = [
        "validate:\n", "prepare:\n", "migrate:\n", "afterwards:\n", "notify:\n", "drain:\n",
        "monitor:\n  metrics:\n", "balancers:\n",
        "runbook: slow\nservice: mina\ntitle: It is slow\nurl: https://mina.example.com\nlook:\n",
        "balancers:\n  - nginx: /etc/nginx/conf.d/mina.conf\n    upstream: mina_backend\n",
        "balancers:\n  - nginx: /etc/nginx/conf.d/mina.conf\n    upstream: mina_backend\n    mode: generated\n",
    ]

    private static func mistakes(in text: String) -> [String] {
        switch Playbook.load(bytes: Array(text.utf8), path: "book.yml", catalogue: Catalogue.shared) {
        case .success: []
        case .failure(let error): error.lines
        }
    }

    private static func whole(_ piece: String) -> String {
        guard !piece.hasPrefix("runbook:") else { return piece }
        var text = piece
        for (key, part) in parts
        where !text.hasPrefix("\(key):") && !text.contains("\n\(key):") {
            text = part + text
        }
        return text
    }

    /// What is wrong with a piece at the place where it fits best; nothing when it fits somewhere.
    static func objections(to piece: String) -> [String] {
        let first = piece.split(separator: "\n").first { !$0.drop { $0 == " " }.hasPrefix("#") } ?? ""
        guard first.hasPrefix(" ") || first.hasPrefix("- ") else { return mistakes(in: whole(piece)) }
        var fewest: [String]?
        for place in places {
            let found = mistakes(in: whole(place + piece))
            if found.isEmpty { return [] }
            if found.count < fewest?.count ?? .max { fewest = found }
        }
        return fewest ?? []
    }

    @Test func `pieces of playbooks`() throws {
        var count = 0
        for snippet in try Pages.snippets() where snippet.kind == "yaml" {
            count += 1
            let found = Self.objections(to: snippet.text)
            #expect(found.isEmpty, "\(snippet):\n\(found.joined(separator: "\n"))")
        }
        #expect(count > 40, "only \(count) were found")
    }

    @Test func `a piece with a mistake is found`() {
        #expect(Self.objections(to: "validate:\n  - http: { get: /, expekt: { status: 200 } }\n").count == 1)
        #expect(!Self.objections(to: "- htpp: { get: / }\n").isEmpty)
        #expect(!Self.objections(to: "    errors_5m: { from: balancer, instant: soon }\n").isEmpty)
    }

    @Test func `YAML for other programs can be read`() throws {
        for snippet in try Pages.snippets() where snippet.kind.hasPrefix("yaml ") {
            #expect(throws: Never.self, "\(snippet)") { try Yams.load(yaml: snippet.text) }
        }
    }

    /// Runbooks are of the same language.
    @Test func `playbooks and runbooks that are shipped`() throws {
        let folder = Pages.root.appending(path: "playbooks").path
        var count = 0
        for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init()
        where name.hasSuffix(".yml") {
            count += 1
            let found = Self.mistakes(in: try Pages.text("playbooks/\(name)"))
            #expect(found.isEmpty, "\(name):\n\(found.joined(separator: "\n"))")
        }
        #expect(count >= 12)
    }
}
