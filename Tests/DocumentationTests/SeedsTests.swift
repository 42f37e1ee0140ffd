import Foundation
import Testing

/// `docs/seeds.md` says of every section of the five runbooks what became of it.
@Suite struct SeedsTests {
    private struct Document {
        let title: String
        let sections: Int
        let rows: [(section: String, answer: String)]
    }

    private static func documents() throws -> [Document] {
        try Pages.text("docs/seeds.md").split(separator: "\n## ").compactMap { part in
            let lines = part.split(separator: "\n")
            guard let head = lines.first, let match = head.wholeMatch(of: #/(.*): (\d+) sections/#) else {
                return nil
            }
            let rows = lines.dropFirst().filter { $0.hasPrefix("| ") }.dropFirst().map { row in
                let cells = row.split(separator: "|").map { $0.drop { $0 == " " } }
                return (String(cells.first ?? ""), cells.dropFirst().joined(separator: "|"))
            }
            return Document(title: String(match.1), sections: Int(match.2) ?? 0, rows: rows)
        }
    }

    @Test func `every section has an answer`() throws {
        let documents = try Self.documents()
        #expect(documents.map(\.sections) == [35, 44, 39, 54, 27])
        for document in documents {
            #expect(
                document.rows.count == document.sections,
                "\(document.title): \(document.rows.count) rows"
            )
            for (section, answer) in document.rows {
                #expect(answer.count > 2, "\(document.title): \(section)")
            }
        }
    }

    /// A file, a command, a word of the playbook, or a person.
    @Test func `every answer names something`() throws {
        for document in try Self.documents() {
            for (section, answer) in document.rows {
                let names =
                    answer.contains("](") || answer.contains("`") || answer.contains("A person")
                    || answer.contains("git")
                    || answer.contains("rows below") || answer.contains("the phases")
                    || answer.contains("step")
                #expect(names, "\(document.title): \(section): \(answer)")
            }
        }
    }

    @Test func `every shipped runbook is told of`() throws {
        let page = try Pages.text("docs/seeds.md") + Pages.text("docs/how-to/on-call.md")
        let folder = Pages.root.appending(path: "playbooks").path
        for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init()
        where name.hasSuffix(".yml") && name.contains("/") {
            #expect(page.contains("playbooks/\(name)"), "nobody tells of playbooks/\(name)")
        }
    }
}
