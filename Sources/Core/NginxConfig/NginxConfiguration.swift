/// One nginx configuration file, kept byte for byte.
///
/// Reads everything that nginx's tokenizer accepts, and knows no directive but those it is asked for: a file
/// that parses here may still be refused by `nginx -t`. A file meant to be included somewhere parses as well.
package struct NginxConfiguration: Sendable {
    /// The text as it stands; equal to what was parsed until something is set.
    package let bytes: [UInt8]
    let tokens: [Token]
    let directives: [Directive]

    /// Takes time in proportion to the length, whatever the text.
    ///
    /// - Throws: a ``ConfigurationError`` for a byte order mark, a block or a quote that is never closed, a
    ///   directive that is never ended, and a brace or semicolon where nginx does not expect one.
    package init(parsing bytes: [UInt8]) throws(ConfigurationError) {
        var scanner = Scanner(bytes)
        try scanner.scan()
        self.bytes = bytes
        tokens = scanner.tokens
        directives = scanner.directives
    }

    /// The arguments, unquoted, of the first directive `name` directly inside the blocks `path`, outermost
    /// first: `arguments(ofFirst: "pid")`, `arguments(ofFirst: "access_log", in: ["http"])`.
    ///
    /// A block's own arguments (`location /a`) are not compared. `nil` when there is no such directive.
    package func arguments(ofFirst name: String, in path: [String] = []) -> [String]? {
        var found: [String]?
        forEachChild(of: directives.indices, path[...]) { index in
            guard isNamed(index, name) else { return true }
            found = argumentTokens(of: index).map { text(of: $0) }
            return false
        }
        return found
    }
}

/// An `include` directive.
///
/// The pattern is relative to the folder of the main configuration file.
package struct Include: Hashable, Sendable {
    package let pattern: String
    /// Counts from 1.
    package let line: Int
}

// MARK: - walking

extension NginxConfiguration {
    /// Calls `body` for the directives directly inside the blocks `path` of `range`, until it returns false.
    @discardableResult
    func forEachChild(of range: Range<Int>, _ path: ArraySlice<String>, _ body: (Int) -> Bool) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            let directive = directives[index]
            if let block = path.first {
                let isEntered = directive.hasBlock && isNamed(index, block)
                if isEntered, !forEachChild(of: index + 1..<directive.next, path.dropFirst(), body) {
                    return false
                }
            } else if !body(index) {
                return false
            }
            index = directive.next
        }
        return true
    }

    func includes(in range: Range<Int>) -> [Include] {
        range.compactMap { index in
            let directive = directives[index]
            guard !directive.hasBlock, directive.tokens.count == 2, isNamed(index, "include") else {
                return nil
            }
            return Include(pattern: text(of: directive.tokens.lowerBound + 1), line: Int(directive.line))
        }
    }

    // MARK: words

    func argumentTokens(of directive: Int) -> Range<Int> { directives[directive].tokens.dropFirst() }

    /// Compares bytes, not Unicode equivalence, as nginx does.
    func isNamed(_ directive: Int, _ name: String) -> Bool {
        isEqual(directives[directive].tokens.lowerBound, name)
    }

    func isEqual(_ token: Int, _ text: String) -> Bool {
        // Quotes and escapes only make a word longer.
        tokens[token].range.count >= text.utf8.count && unquoted(token).elementsEqual(text.utf8)
    }

    /// What nginx makes of the word.
    func unquoted(_ token: Int) -> [UInt8] {
        var word = bytes[tokens[token].range]
        if word.first == Byte.doubleQuote || word.first == Byte.singleQuote {
            word = word.dropFirst().dropLast()
        }
        guard word.contains(Byte.backslash) else { return Array(word) }
        var plain: [UInt8] = []
        var index = word.startIndex
        while index < word.endIndex {
            let next = index + 1 < word.endIndex ? word[index + 1] : nil
            if word[index] == Byte.backslash, let next, let meaning = Self.meaning(ofEscaped: next) {
                plain.append(meaning)
                index += 2
            } else {
                plain.append(word[index])
                index += 1
            }
        }
        return plain
    }

    /// `nil` for what nginx leaves alone: `\d` stays a backslash and a `d`.
    private static func meaning(ofEscaped byte: UInt8) -> UInt8? {
        switch byte {
        case Byte.doubleQuote, Byte.singleQuote, Byte.backslash: byte
        case UInt8(ascii: "t"): Byte.tab
        case UInt8(ascii: "r"): Byte.carriageReturn
        case UInt8(ascii: "n"): Byte.lineFeed
        default: nil
        }
    }

    /// Bytes that are not UTF-8 become U+FFFD; the file itself keeps them.
    func text(of token: Int) -> String { String(decoding: unquoted(token), as: UTF8.self) }
}
