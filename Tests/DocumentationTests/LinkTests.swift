import Foundation
import Testing

/// What a page points at is there, down to the heading.
@Suite struct LinkTests {
    /// The names by which a page's headings can be pointed at, as GitHub makes them.
    static func anchors(in markdown: String) -> Set<String> {
        var anchors: Set<String> = []
        var isInBlock = false
        for line in markdown.split(separator: "\n") {
            if line.hasPrefix("```") { isInBlock.toggle() }
            guard !isInBlock, line.hasPrefix("#") else { continue }
            let title = line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
            let kept = title.filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
            let name = kept.replacing(" ", with: "-")
            anchors.insert(anchors.contains(name) ? "\(name)-1" : name)
        }
        return anchors
    }

    private static func links(in markdown: String) -> [String] {
        markdown.matches(of: #/\]\(([^)\s]+)\)/#).map { String($0.1) }
    }

    @Test func `links lead somewhere`() throws {
        var count = 0
        for page in Pages.all {
            let text = try Pages.text(page)
            for link in Self.links(in: text) where !link.contains("://") && !link.hasPrefix("mailto:") {
                count += 1
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let folder = page.split(separator: "/").dropLast().joined(separator: "/")
                let target = parts[0].isEmpty ? page : (folder.isEmpty ? "" : "\(folder)/") + parts[0]
                guard Pages.exists(target) else {
                    Issue.record("\(page): there is no \(link)")
                    continue
                }
                guard parts.count == 2, target.hasSuffix(".md") else { continue }
                let anchors = Self.anchors(in: try Pages.text(target))
                #expect(anchors.contains(String(parts[1])), "\(page): \(link): no such heading")
            }
        }
        #expect(count > 150, "only \(count) were found")
    }

    @Test func `every page can be reached from the index`() throws {
        let index = Set(Self.links(in: try Pages.text("docs/README.md")).map { $0.split(separator: "#")[0] })
        for page in Pages.all where page.hasPrefix("docs/") && page != "docs/README.md" {
            let name = page.dropFirst("docs/".count)
            guard !name.hasPrefix("reference/migrations/") || name.hasSuffix("README.md") else { continue }
            #expect(index.contains(name), "docs/README.md does not name \(name)")
        }
    }
}
