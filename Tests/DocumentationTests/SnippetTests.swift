import Foundation
import ServiceLab
import Testing

/// JSON, nginx, HAProxy, shell and Python of the documentation, read by the programs that they are for.
@Suite struct SnippetTests {
    private static func snippets(_ kind: String) throws -> [Snippet] {
        try Pages.snippets().filter { $0.kind == kind }
    }

    @Test func `JSON can be read`() throws {
        for snippet in try Self.snippets("json") {
            // An ellipsis stands for more of the same.
            let text = snippet.text.replacing(", …", with: "").replacing("[ … ]", with: "[]")
            for document in text.contains("\n{") || text.hasPrefix("{\"run\"") ? Self.lines(text) : [text] {
                #expect(throws: Never.self, "\(snippet)") {
                    try JSONSerialization.jsonObject(with: Data(document.utf8))
                }
            }
        }
    }

    private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

    @Test func `nginx takes its configuration`() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder.path)/\($0);" }.joined(separator: "\n")
        for (number, snippet) in try Self.snippets("nginx").enumerated() {
            let isLocation = snippet.text.hasPrefix("location")
            let outside = isLocation ? "map $uri $mina_generation { default 1; }" : snippet.text
            let file = try folder.write(
                """
                pid \(folder.path)/pid; error_log stderr; events {}
                http { access_log off; \(kept)
                \(outside)
                server { listen unix:\(folder.path)/nginx.sock; \(isLocation ? snippet.text : "") } }
                """,
                to: "nginx-\(number).conf"
            )
            #expect(throws: Never.self, "\(snippet)") {
                try Program.run(
                    ["nginx", "-t", "-q", "-p", folder.path, "-c", file],
                    in: folder,
                    name: "nginx-\(number)"
                )
            }
        }
    }

    @Test func `HAProxy takes its configuration`() throws {
        let folder = try Folder()
        defer { folder.remove() }
        for (number, snippet) in try Self.snippets("haproxy").enumerated() {
            let defaults =
                "defaults\n mode http\n timeout connect 1s\n timeout client 9s\n timeout server 9s\n"
            let text = (defaults + snippet.text).replacing("/run/haproxy/", with: "\(folder.path)/")
            let file = try folder.write(text, to: "haproxy-\(number).cfg")
            #expect(throws: Never.self, "\(snippet)") {
                try Program.run(["haproxy", "-c", "-q", "-f", file], in: folder, name: "haproxy-\(number)")
            }
        }
    }

    @Test func `the shell and Python can read theirs`() throws {
        let folder = try Folder()
        defer { folder.remove() }
        for (number, snippet) in try Self.snippets("sh").enumerated() {
            let file = try folder.write(snippet.text, to: "\(number).sh")
            #expect(throws: Never.self, "\(snippet)") {
                try Program.run(["sh", "-n", file], in: folder, name: "sh-\(number)")
            }
        }
        for (number, snippet) in try Self.snippets("python").enumerated() {
            // A piece of a function may end with `return`.
            let text = "def piece():\n" + Self.lines(snippet.text).map { "    \($0)\n" }.joined()
            let file = try folder.write(text, to: "\(number).py")
            let reading = "import ast, sys; ast.parse(open(sys.argv[1]).read())"
            #expect(throws: Never.self, "\(snippet)") {
                try Program.run(["python3", "-c", reading, file], in: folder, name: "py-\(number)")
            }
        }
    }

    @Test func `no block is of a kind that nobody looks at`() throws {
        let known = [
            "", "sh", "console", "yaml", "yaml github", "yaml gitlab", "yaml prometheus", "json", "nginx",
            "haproxy",
            "python", "groovy", "sql", "mermaid", "text",
        ]
        for snippet in try Pages.snippets() {
            #expect(known.contains(snippet.kind), "\(snippet): \(snippet.kind)")
        }
    }
}
