import Foundation

/// What may not be written, and how long things may be.
enum Rules {
    struct Finding: Equatable, CustomStringConvertible {
        let path: String
        let line: Int
        let message: String

        var description: String { "\(path):\(line): \(message)" }
    }

    struct Ban {
        /// A whole word at the start and, where it ends with a letter, at the end.
        let text: String
        let instead: String
        /// `nil` for everywhere.
        var layers: Set<String>?
        /// Where it is allowed all the same.
        var exceptLayers: Set<String> = []
        var exceptFiles: Set<String> = []
        var countsInComments = false

        func applies(to file: SourceFile) -> Bool {
            layers?.contains(file.layer) != false && !exceptLayers.contains(file.layer)
                && !exceptFiles.contains { file.path.hasSuffix($0) }
        }
    }

    static let fileLimit = 400
    static let functionLimit = 50

    static let bans: [Ban] =
        [
            Ban(text: "try!", instead: "a typed throw"),
            Ban(text: "as!", instead: "a pattern"),
            Ban(text: "@unchecked Sendable", instead: "Mutex or an actor"),
            Ban(text: "nonisolated(unsafe)", instead: "Mutex or an actor"),
            Ban(text: "Task.detached", instead: "a task group"),
            Ban(text: "Task {", instead: "a task group"),
            Ban(text: "Task.sleep", instead: "a Timekeeper"),
            Ban(text: "Thread.sleep", instead: "a Timekeeper"),
            Ban(text: "usleep(", instead: "a Timekeeper"),
            Ban(
                text: "ContinuousClock().sleep",
                instead: "a Timekeeper",
                exceptFiles: ["App/DeployOperations/Surroundings/SystemClock.swift"]
            ),
            Ban(text: "fatalError", instead: "a typed throw, or a precondition for our own bugs"),
            Ban(text: "print(", instead: "the caller's observer", exceptLayers: ["App", "examples"]),
            Ban(text: "Date(", instead: "the event's timestamp", layers: ["Core", "Ports", "Engine"]),
            Ban(text: "async", instead: "an Effect", layers: ["Core"]),
            Ban(text: ".random", instead: "a value in the event", layers: ["Core", "Engine"]),
        ]
        + ["TODO", "FIXME", "XXX", "HACK"].map {
            Ban(text: $0, instead: "the change itself", countsInComments: true)
        }

    static func findings(in file: SourceFile, modules: [String: String]) -> [Finding] {
        let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
        return bannedWords(in: file, lines) + tooLong(file, lines) + imports(of: file, lines, modules)
    }

    // MARK: words

    private static func bannedWords(in file: SourceFile, _ lines: [Substring]) -> [Finding] {
        bans.filter { $0.applies(to: file) && contains(file.text, $0.text) }.flatMap { ban in
            lines.indices.compactMap { index in
                let line = lines[index]
                guard ban.countsInComments || !isComment(line), holds(ban.text, in: line) else { return nil }
                return Finding(
                    path: file.path,
                    line: index + 1,
                    message: "\(ban.text) is banned here; use \(ban.instead)"
                )
            }
        }
    }

    private static func contains(_ text: String, _ word: String) -> Bool { strstr(text, word) != nil }

    /// Whether `word` stands in `line` and is not a part of a longer one.
    private static func holds(_ word: String, in line: Substring) -> Bool {
        var rest = line
        while let range = rest.range(of: word) {
            let before = range.lowerBound > line.startIndex ? line[line.index(before: range.lowerBound)] : " "
            let after = range.upperBound < line.endIndex ? line[range.upperBound] : " "
            let beginsWord = word.first.map(isWordCharacter) != true || !isWordCharacter(before)
            let endsWord = word.last.map(isWordCharacter) != true || !isWordCharacter(after)
            if beginsWord && endsWord { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    private static func isComment(_ line: Substring) -> Bool { line.drop { $0 == " " }.hasPrefix("//") }

    // MARK: lengths

    private static func tooLong(_ file: SourceFile, _ lines: [Substring]) -> [Finding] {
        var findings: [Finding] = []
        let length = lines.last == "" ? lines.count - 1 : lines.count
        if length > fileLimit {
            let message = "the file has \(length) lines, limit \(fileLimit)"
            findings.append(Finding(path: file.path, line: length, message: message))
        }
        for start in lines.indices {
            guard let length = functionLength(at: start, lines), length > functionLimit else { continue }
            let message = "the function has \(length) lines, limit \(functionLimit)"
            findings.append(Finding(path: file.path, line: start + 1, message: message))
        }
        return findings
    }

    /// Relies on the formatter: a function's closing brace is indented as its `func` is.
    private static func functionLength(at start: Int, _ lines: [Substring]) -> Int? {
        let line = lines[start]
        guard contains(String(line), "func ") || contains(String(line), "init") else { return nil }
        guard !isComment(line), holds("func", in: line) || holds("init", in: line), !line.hasSuffix("}")
        else {
            return nil
        }
        let indent = line.prefix { $0 == " " }
        // A requirement of a protocol has no body: what comes first at its depth is not its brace.
        for end in lines[(start + 1)...].indices
        where lines[end].prefix(while: { $0 == " " }).count <= indent.count {
            if lines[end] == indent + "}" { return end - start + 1 }
            guard lines[end].isEmpty || lines[end].hasPrefix(indent) else { return nil }
            let text = lines[end].dropFirst(indent.count)
            let isHead = text.isEmpty || [")", "->", "where ", "{"].contains { text.hasPrefix($0) }
            if !isHead, !lines[end].hasSuffix("{") { return nil }
        }
        return nil
    }

    // MARK: imports

    private static func imports(
        of file: SourceFile,
        _ lines: [Substring],
        _ modules: [String: String]
    ) -> [Finding] {
        lines.indices.compactMap { index in
            guard let name = importedModule(of: lines[index]),
                let objection = Layers.objection(to: name, in: file, modules: modules)
            else { return nil }
            return Finding(path: file.path, line: index + 1, message: objection)
        }
    }

    /// The module that a line imports; `nil` when it is no import.
    static func importedModule(of line: Substring) -> String? {
        guard contains(String(line), "import ") else { return nil }
        var words = line.split(separator: " ")[...]
        let marks: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        while let first = words.first, marks.contains(first) || first.hasPrefix("@") { words.removeFirst() }
        guard words.first == "import" else { return nil }
        words.removeFirst()
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        if let kind = words.first, kinds.contains(kind) { words.removeFirst() }
        return words.first?.split(separator: ".").first.map(String.init)
    }
}
