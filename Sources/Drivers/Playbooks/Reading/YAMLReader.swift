import DeployPorts
import Yams

/// Reads a YAML text into parameters with their places.
///
/// Only Yams' node parser is used, never its `load`: that one turns `1.10` into a number, `no` into `false`, and
/// needs seconds for 330 bytes of aliases. Here every scalar is the text that was written.
struct YAMLReader {
    /// Of values within values.
    static let depthLimit = YAMLScan.depthLimit
    static let nodeLimit = 10_000

    let diagnostics: Diagnostics
    /// Keys that are given twice and were changed in the text, so that Yams reads on.
    private var masked: [Position: String] = [:]
    private var nodeCount = 0
    /// Kept while its nodes are read: they refer to their anchors weakly.
    private var parser: Parser?

    private init(diagnostics: Diagnostics) { self.diagnostics = diagnostics }

    /// The document's value, or `nil` when it cannot be read; either way every mistake is in `diagnostics`.
    static func read(_ text: String, diagnostics: Diagnostics) -> Parameter? {
        if let problem = YAMLScan.firstProblem(in: Array(text.utf8)) {
            diagnostics.report(problem.position, problem.message)
            return nil
        }
        var reader = YAMLReader(diagnostics: diagnostics)
        guard let node = reader.compose(text) else { return nil }
        let root = reader.parameter(node, depth: 0)
        return reader.nodeCount <= nodeLimit ? root : nil
    }

    // MARK: nodes

    private mutating func compose(_ text: String) -> Node? {
        var source = MaskedText(text)
        while true {
            do {
                let parser = try Parser(yaml: source.text, resolver: .basic, encoding: .utf8)
                self.parser = parser
                if let node = try parser.singleRoot() { return node }
                diagnostics.report(Position(line: 1, column: 1), "the playbook is empty")
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let position = Position(context.mark)
                let name = names.first ?? ""
                if source.mask(position) {
                    masked[position] = name
                    continue
                }
                diagnostics.report(position, "the key `\(name)` is given twice")
            } catch {
                let diagnostic = SyntaxMistake.diagnostic(error, in: text)
                diagnostics.report(diagnostic.position, diagnostic.message)
            }
            return nil
        }
    }

    private mutating func parameter(_ node: Node, depth: Int) -> Parameter? {
        let position = Position(node.mark)
        guard count(at: position) else { return nil }
        // The scan has refused both already; a node that it overlooked must not cost more than this line.
        guard depth <= Self.depthLimit, node.anchor == nil else {
            diagnostics.report(
                position,
                "values are nested more than \(Self.depthLimit) deep, or have an anchor"
            )
            return nil
        }
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain
            return .scalar(Parameter.Scalar(text: scalar.string, isQuoted: isQuoted, position: position))
        case .sequence(let items):
            return .list(items.compactMap { parameter($0, depth: depth + 1) }, position: position)
        case .mapping(let pairs): return .map(entries(pairs, depth: depth), position: position)
        case .alias:
            diagnostics.report(position, "aliases (`*name`) are not allowed")
            return nil
        }
    }

    /// Counts a node; `false` when it is one too many.
    private mutating func count(at position: Position) -> Bool {
        nodeCount += 1
        if nodeCount == Self.nodeLimit + 1 {
            diagnostics.report(position, "a playbook has at most 10,000 values")
        }
        return nodeCount <= Self.nodeLimit
    }

    private mutating func entries(_ pairs: Node.Mapping, depth: Int) -> [Parameter.Entry] {
        var entries: [Parameter.Entry] = []
        var seen: [String: Position] = [:]
        for (keyNode, valueNode) in pairs {
            guard count(at: Position(keyNode.mark)), let (key, position) = key(keyNode) else { continue }
            let value = parameter(valueNode, depth: depth + 1)
            if let first = seen[key] {
                let place = "line \(first.line), column \(first.column)"
                diagnostics.report(position, "the key `\(key)` is given twice, first at \(place)")
                continue
            }
            seen[key] = position
            if let value { entries.append(Parameter.Entry(key: key, keyPosition: position, value: value)) }
        }
        return entries
    }

    private func key(_ node: Node) -> (String, Position)? {
        let position = Position(node.mark)
        guard case .scalar(let scalar) = node else {
            diagnostics.report(position, "a key must be a plain text, found a list or a mapping")
            return nil
        }
        if scalar.string == "<<", scalar.style == .plain {
            diagnostics.report(position, "merge keys (`<<`) are not allowed; write the keys out")
            return nil
        }
        return (masked[position] ?? scalar.string, position)
    }
}

extension Position {
    init(_ mark: Mark?) {
        self = mark.map { Position(line: $0.line, column: $0.column) } ?? .unknown
    }
}

/// A text in which the first letter of some keys was exchanged for one that no playbook has, column for column.
private struct MaskedText {
    /// Each one costs another pass over the text.
    private static let limit = 20

    private var scalars: [Unicode.Scalar]
    private var count: UInt32 = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    var text: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// Changes the key at `position`; `false` when it cannot be done without changing what stands around it.
    mutating func mask(_ position: Position) -> Bool {
        guard count < Self.limit, var index = offset(of: position) else { return false }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, !"\"'\\\n\r ".unicodeScalars.contains(scalars[index]),
            let letter = Unicode.Scalar(0xE000 + count)
        else { return false }
        scalars[index] = letter
        count += 1
        return true
    }

    private func offset(of position: Position) -> Int? {
        var index = 0
        for _ in 1..<max(1, position.line) {
            guard let end = scalars[index...].firstIndex(where: { $0 == "\n" || $0 == "\r" }) else {
                return nil
            }
            let isPair = scalars[end] == "\r" && end + 1 < scalars.count && scalars[end + 1] == "\n"
            index = end + (isPair ? 2 : 1)
        }
        index += position.column - 1
        return scalars.indices.contains(index) ? index : nil
    }
}
