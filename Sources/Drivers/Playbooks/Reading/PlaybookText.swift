import DeployPorts

/// The bytes of a playbook file, checked before a YAML parser sees them.
enum PlaybookText {
    /// 256 KiB.
    static let sizeLimit = 262_144

    /// The text, or the first thing that makes it none.
    static func check(_ bytes: [UInt8]) -> Result<String, PlaybookRefusal> {
        guard bytes.count <= sizeLimit else {
            return .failure(at(1, 1, "the file has \(bytes.count) bytes; a playbook has at most 256 KiB"))
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            return .failure(at(1, 1, "the file begins with a byte order mark; save it as UTF-8 without one"))
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return .failure(at(1, 1, "the file is UTF-16; save it as UTF-8"))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .failure(invalid(bytes)) }
        if let refusal = hidden(bytes) { return .failure(refusal) }
        return .success(text)
    }

    private static func at(_ line: Int, _ column: Int, _ message: String) -> PlaybookRefusal {
        PlaybookRefusal(Diagnostic(Position(line: line, column: column), message))
    }

    private static func invalid(_ bytes: [UInt8]) -> PlaybookRefusal {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
        return at(index + 1, 1, "this line is not UTF-8; save the file as UTF-8")
    }

    /// Characters that a person does not see as they are: controls, line ends that only YAML knows as such, and
    /// marks that turn the direction of writing, so that a text reads otherwise than it runs.
    private static func hidden(_ bytes: [UInt8]) -> PlaybookRefusal? {
        var (line, column) = (1, 0)
        for (index, byte) in bytes.enumerated() {
            if byte & 0xC0 != 0x80 { column += 1 }
            switch byte {
            case UInt8(ascii: "\n"): (line, column) = (line + 1, 0)
            case 0x00..<0x09, 0x0B, 0x0C, 0x0E..<0x20, 0x7F:
                let code = String(byte, radix: 16, uppercase: true)
                return at(
                    line,
                    column,
                    "a control character (U+00\(byte < 16 ? "0" : "")\(code)) is not allowed here"
                )
            case 0xC2, 0xE2, 0xEF:
                guard let name = hiddenName(bytes[index...].prefix(3)) else { continue }
                return at(
                    line,
                    column,
                    "\(name) is not allowed here; in a double-quoted text write it as an escape"
                )
            default: continue
            }
        }
        return nil
    }

    private static func hiddenName(_ bytes: ArraySlice<UInt8>) -> String? {
        let code = bytes.map(Int.init)
        guard code.count >= 2 else { return nil }
        if code[0] == 0xC2 { return code[1] < 0xA0 ? "a control character" : nil }
        guard code.count == 3 else { return nil }
        return switch (code[0], code[1], code[2]) {
        case (0xE2, 0x80, 0xA8...0xA9): "an invisible line end (U+2028 or U+2029)"
        case (0xE2, 0x80, 0xAA...0xAE), (0xE2, 0x81, 0xA6...0xA9): "an invisible mark of writing direction"
        case (0xEF, 0xBB, 0xBF): "an invisible byte order mark"
        default: nil
        }
    }
}

/// The one mistake that keeps a text from being read at all.
struct PlaybookRefusal: Error {
    let diagnostic: Diagnostic

    init(_ diagnostic: Diagnostic) { self.diagnostic = diagnostic }
}
