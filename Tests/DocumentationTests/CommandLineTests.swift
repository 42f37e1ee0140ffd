import ArgumentParser
import DeployCommands
import Foundation
import Testing
import Yams

/// Every command line of bgdeploy that the documentation tells people to type is one that the program takes.
@Suite struct CommandLineTests {
    /// Why the program would not take `words`, which begin with `bgdeploy`; `nil` when it would.
    static func objection(to words: [String]) -> String? {
        do {
            _ = try Bgdeploy.parseAsRoot(Array(words.dropFirst()))
            return nil
        } catch {
            return Bgdeploy.exitCode(for: error) == .success
                ? nil : "\(words.joined(separator: " ")): \(Bgdeploy.message(for: error))"
        }
    }

    /// The command lines of bgdeploy in a text for the shell.
    static func lines(in text: String) -> [[String]] {
        ShellText.commands(in: text).filter { words in
            words.first.map { $0 == "bgdeploy" || $0.hasSuffix("/bgdeploy") } == true
                && !words.contains { $0.contains("…") }
        }
    }

    @Test func `words are taken apart as the shell does`() {
        let text = """
            VERSION=v1 bgdeploy run "$VERSION" --yes; echo "exit $?"   # bgdeploy nonsense
            cat >file <<'END'
            bgdeploy nonsense
            END
            sudo bgdeploy report 2>&1 >>out | head && bgdeploy status \\
              --watch
            """
        #expect(
            Self.lines(in: text) == [
                ["bgdeploy", "run", "$VERSION", "--yes"], ["bgdeploy", "report"],
                ["bgdeploy", "status", "--watch"],
            ]
        )
        #expect(Self.objection(to: ["bgdeploy", "run", "v1", "--soon"])?.contains("--soon") == true)
        #expect(Self.objection(to: ["bgdeploy", "--version"]) == nil)
    }

    @Test func `blocks for the shell`() throws {
        var count = 0
        for snippet in try Pages.snippets() where ["", "sh", "console"].contains(snippet.kind) {
            // The synopses of the reference have brackets; `commands.py` and the help hold them.
            let text = snippet.text.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !($0.contains("[") && $0.contains("bgdeploy ")) && !$0.contains(" <") }
                .filter { !$0.drop { $0 == " " }.hasPrefix("bgdeploy: ") }
                .joined(separator: "\n")
            for words in Self.lines(in: text) {
                count += 1
                if let objection = Self.objection(to: words) { Issue.record("\(snippet): \(objection)") }
            }
        }
        #expect(count > 60, "only \(count) were found")
    }

    @Test func `commands in the prose`() throws {
        var count = 0
        for page in Pages.all where page != "CHANGELOG.md" {
            for (line, text) in Snippet.spans(in: try Pages.text(page)) where text.hasPrefix("bgdeploy ") {
                guard !text.contains("…"), !text.contains("["), !text.contains("COMMAND") else { continue }
                for words in Self.lines(in: text) {
                    count += 1
                    // Prose may name a command without what it takes.
                    guard let objection = Self.objection(to: words), !objection.contains(": Missing ") else {
                        continue
                    }
                    Issue.record("\(page):\(line): \(objection)")
                }
            }
        }
        #expect(count > 40, "only \(count) were found")
    }

    /// A job's lines for the shell: what stands under `run`, `script`, `before_script` and `after_script`.
    private static func scripts(in value: Any) -> [String] {
        switch value {
        case let map as [String: Any]:
            return map.flatMap { key, inner -> [String] in
                guard ["run", "script", "before_script", "after_script"].contains(key) else {
                    return scripts(in: inner)
                }
                if let text = inner as? String { return [text] }
                return (inner as? [Any] ?? []).compactMap { $0 as? String }
            }
        case let list as [Any]: return list.flatMap(scripts)
        default: return []
        }
    }

    @Test func `jobs of GitHub Actions and GitLab CI`() throws {
        for snippet in try Pages.snippets() where ["yaml github", "yaml gitlab"].contains(snippet.kind) {
            let value = try #require(try Yams.load(yaml: snippet.text) as? [String: Any], "\(snippet)")
            let scripts = Self.scripts(in: value)
            #expect(scripts.contains { !Self.lines(in: $0).isEmpty }, "\(snippet) never calls bgdeploy")
            for words in scripts.flatMap(Self.lines) {
                if let objection = Self.objection(to: words) { Issue.record("\(snippet): \(objection)") }
            }
            if snippet.kind == "yaml github" {
                let jobs = try #require(value["jobs"] as? [String: [String: Any]], "\(snippet)")
                for (name, job) in jobs {
                    #expect(job["runs-on"] != nil && job["steps"] is [Any], "\(snippet): \(name)")
                }
            } else {
                let jobs = value.values.compactMap { $0 as? [String: Any] }.filter { $0["script"] != nil }
                let stages = value["stages"] as? [String]
                for stage in jobs.compactMap({ $0["stage"] as? String }) where stages != nil {
                    #expect(stages?.contains(stage) == true, "\(snippet): \(stage)")
                }
            }
        }
    }

    @Test func `pipelines of Jenkins`() throws {
        for snippet in try Pages.snippets() where snippet.kind == "groovy" {
            let text = snippet.text
            #expect(text.count { $0 == "{" } == text.count { $0 == "}" }, "\(snippet): a brace is missing")
            let quoted = text.matches(of: #/'''(?<long>[\s\S]*?)'''|sh[( ][^'"]*'(?<short>[^']*)'/#)
                .compactMap { $0.long ?? $0.short }
            let commands = quoted.flatMap { Self.lines(in: String($0)) }
            #expect(!commands.isEmpty, "\(snippet) never calls bgdeploy")
            for words in commands {
                if let objection = Self.objection(to: words) { Issue.record("\(snippet): \(objection)") }
            }
        }
    }
}
