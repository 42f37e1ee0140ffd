extension HAProxyConfiguration {
    /// Gives servers of one backend their weights, and changes nothing but their `weight` words.
    ///
    /// A number is changed where it stands, in its quotes, or put behind a last `weight` that has none; all of
    /// them, where a server has several. Where there is none, ` weight N` goes behind the address; weight 1 is
    /// not written where no `default-server` could say otherwise. Words that are an environment variable may
    /// turn out empty, which hides what is behind them, or bring a weight (`"${OPTIONS[*]}"`): the weight then
    /// stands before and behind them. Setting the same again changes no byte.
    ///
    /// - Precondition: `backend` comes from this configuration, each `server` is an index of its servers and
    ///   each weight is 0 through 256. Of several assignments to one server the last counts.
    package mutating func set(_ assignments: [(server: Int, weight: Int)], in backend: Backend.Handle) {
        let servers = servers(of: backend.section)
        var wanted: [Int: Int] = [:]
        for assignment in assignments {
            precondition((0...256).contains(assignment.weight), "HAProxy's weights are 0 through 256")
            precondition(servers.indices.contains(assignment.server), "the backend has no such server")
            wanted[assignment.server] = assignment.weight
        }
        let edits = servers.indices.flatMap { index in
            wanted[index].map { self.edits(of: servers[index], to: $0) } ?? []
        }
        guard !edits.isEmpty else { return }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 16 * edits.count)
        var copied = 0
        for edit in edits {
            text += bytes[copied..<edit.range.lowerBound]
            text += Array(edit.text.utf8)
            copied = edit.range.upperBound
        }
        text += bytes[copied...]
        guard let edited = try? HAProxyConfiguration(parsing: text) else {
            preconditionFailure("changing whole words left the text unreadable")
        }
        self = edited
    }

    private struct Edit {
        let range: Range<Int>
        let text: String
    }

    private func edits(of server: ServerLine, to weight: Int) -> [Edit] {
        let parameters = server.parameters
        let numbers = parameters.weightWords
        let given = numbers + (parameters.openWeight.map { [$0] } ?? [])
        let unanswered = parameters.lists.last.flatMap { list in given.contains { $0 > list } ? nil : list }
        let isMissing =
            if let first = given.first {
                parameters.variables.contains { $0 < first }
            } else {
                weight != 1 || parameters.hasDefaults || unanswered != nil
            }
        let address = statements[server.statement].words.lowerBound + 2
        var edits: [Edit] = []
        if isMissing {
            edits.append(insertion(of: "weight \(weight)", behind: address))
        }
        for word in numbers where Int(text(of: word)) != weight {
            edits.append(Edit(range: words[word].range, text: quoted(weight, like: word)))
        }
        if let word = parameters.openWeight { edits.append(insertion(of: "\(weight)", behind: word)) }
        if let unanswered { edits.append(insertion(of: "weight \(weight)", behind: unanswered)) }
        return edits
    }

    private func insertion(of text: String, behind word: Int) -> Edit {
        let range = words[word].range
        // A backslash at the end of a line stands for itself; doubled, it does so before a blank too.
        let escape = endsWithOpenBackslash(range) ? "\\" : ""
        return Edit(range: range.upperBound..<range.upperBound, text: "\(escape) \(text)")
    }

    private func endsWithOpenBackslash(_ word: Range<Int>) -> Bool {
        bytes[word].reversed().prefix { $0 == Byte.backslash }.count % 2 == 1
    }

    private func quoted(_ weight: Int, like word: Int) -> String {
        let old = bytes[words[word].range]
        switch (old.first, old.last) {
        case (Byte.doubleQuote, Byte.doubleQuote): return "\"\(weight)\""
        case (Byte.singleQuote, Byte.singleQuote): return "'\(weight)'"
        default: return "\(weight)"
        }
    }
}
