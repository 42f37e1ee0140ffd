/// The body of a `…_by_lua_block` is not nginx text: it ends with the brace that balances its first one,
/// where braces in Lua's strings, comments and long brackets do not count.
extension Scanner {
    /// Expects `position` after the opening brace and leaves it after the closing one.
    ///
    /// False when there is none.
    mutating func skipLua() -> Bool {
        var depth = 1
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case Byte.openingBrace: depth += 1
            case Byte.closingBrace: depth -= 1
            case Byte.doubleQuote, Byte.singleQuote:
                position += 1
                while position < bytes.count, bytes[position] != byte { passEscapable() }
            case Byte.openingBracket:
                if let level = longBracketLevel(at: position) {
                    skipLongBracket(level)
                    continue
                }
            case Byte.hyphen where position + 1 < bytes.count && bytes[position + 1] == Byte.hyphen:
                skipLuaComment()
                continue
            case Byte.lineFeed: line += 1
            default: break
            }
            position += 1
            if depth == 0 { return true }
        }
        position = min(position, bytes.count)
        return false
    }

    private mutating func skipLuaComment() {
        position += 2
        if let level = longBracketLevel(at: position) {
            skipLongBracket(level)
        } else {
            skipLine()
        }
    }

    /// The number of equals signs when a long bracket such as `[==[` opens at `offset`.
    private func longBracketLevel(at offset: Int) -> Int? {
        guard offset < bytes.count, bytes[offset] == Byte.openingBracket else { return nil }
        var end = offset + 1
        while end < bytes.count, bytes[end] == Byte.equals { end += 1 }
        guard end < bytes.count, bytes[end] == Byte.openingBracket else { return nil }
        return end - offset - 1
    }

    /// Goes from the opening bracket to after the closing one, or to the end of the file.
    private mutating func skipLongBracket(_ level: Int) {
        position += level + 2
        while position < bytes.count {
            if bytes[position] == Byte.lineFeed { line += 1 }
            guard bytes[position] == Byte.closingBracket else {
                position += 1
                continue
            }
            position += 1
            var signs = 0
            while position < bytes.count, signs < level, bytes[position] == Byte.equals {
                signs += 1
                position += 1
            }
            if signs == level, position < bytes.count, bytes[position] == Byte.closingBracket {
                position += 1
                return
            }
        }
    }
}
