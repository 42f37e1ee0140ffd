extension NginxConfiguration {
    /// Gives servers of one upstream their weights, and changes nothing but their `weight=` and `down` words.
    ///
    /// A `weight=` word is changed where it stands, in its quotes; all of them, where a server has several. A
    /// new word goes behind the last argument. `down` goes together with the one blank before it. Weight 1 is
    /// not written where there was none. Setting the same again changes no byte.
    ///
    /// - Precondition: `upstream` comes from this configuration, each `server` is an index of its servers and
    ///   each weight is at least 1. Of several assignments to one server the last counts.
    package mutating func set(
        _ assignments: [(server: Int, weight: ServerWeight)],
        in upstream: Upstream.Handle
    ) {
        let servers = serverDirectives(of: upstream.directive)
        var wanted: [Int: ServerWeight] = [:]
        for assignment in assignments { wanted[servers[assignment.server]] = assignment.weight }
        let edits = wanted.keys.sorted().flatMap { directive in
            wanted[directive].map { self.edits(of: directive, to: $0) } ?? []
        }
        guard !edits.isEmpty else { return }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 24 * edits.count)
        var copied = 0
        for edit in edits {
            text += bytes[copied..<edit.range.lowerBound]
            text += Array(edit.text.utf8)
            copied = edit.range.upperBound
        }
        text += bytes[copied...]
        guard let edited = try? NginxConfiguration(parsing: text) else {
            preconditionFailure("changing whole words left the text unreadable")
        }
        self = edited
    }

    private struct Edit {
        let range: Range<Int>
        let text: String
    }

    /// In file order, not overlapping.
    private func edits(of server: Int, to wanted: ServerWeight) -> [Edit] {
        let parameters = parameterTokens(of: server)
        let end = tokens[argumentTokens(of: server).upperBound - 1].range.upperBound
        let behind = end..<end
        switch wanted {
        case .down:
            let isDown = parameters.contains { isEqual($0, "down") }
            return isDown ? [] : [Edit(range: behind, text: " down")]
        case .weight(let weight):
            precondition(weight >= 1, "a server that takes part has a weight of at least 1")
            var edits: [Edit] = []
            var hasWeight = false
            for token in parameters {
                if isEqual(token, "down") {
                    edits.append(Edit(range: removalRange(of: token), text: ""))
                } else if isWeight(token) {
                    hasWeight = true
                    if weightValue(token) != weight {
                        edits.append(Edit(range: tokens[token].range, text: quoted(weight, like: token)))
                    }
                }
            }
            if !hasWeight, weight > 1 { edits.append(Edit(range: behind, text: " weight=\(weight)")) }
            return edits
        }
    }

    private func quoted(_ weight: Int, like token: Int) -> String {
        switch bytes[tokens[token].range.lowerBound] {
        case Byte.doubleQuote: "\"weight=\(weight)\""
        case Byte.singleQuote: "'weight=\(weight)'"
        default: "weight=\(weight)"
        }
    }

    /// The word and the one blank before it.
    ///
    /// A line feed stays: it may end a comment. So does a blank without which the neighbours would grow
    /// together, as in `'down')`.
    private func removalRange(of token: Int) -> Range<Int> {
        let word = tokens[token].range
        let before = bytes[word.lowerBound - 1]
        let after = word.upperBound < bytes.count ? bytes[word.upperBound] : Byte.semicolon
        let isFree = after == Byte.semicolon || Byte.isSpace(after)
        return isFree && (before == Byte.space || before == Byte.tab)
            ? word.lowerBound - 1..<word.upperBound : word
    }
}
