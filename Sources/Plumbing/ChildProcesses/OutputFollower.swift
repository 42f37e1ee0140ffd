import Glibc

/// Reads a growing file line by line.
struct OutputFollower {
    /// A longer line is handed on in pieces.
    static let longestLine = 65_536

    private var offset = 0
    private var partial: [UInt8] = []

    /// Hands on the lines that were finished since the last call; returns whether there was anything new.
    mutating func follow(_ folder: borrowing StepFolder, _ line: (String) -> Void) -> Bool {
        guard let file = folder.open(.output, O_RDONLY) else { return false }
        guard lseek(file.raw, offset, SEEK_SET) >= 0 else { return false }
        var grew = false
        while true {
            let bytes = file.readAll(limit: 262_144)
            guard !bytes.isEmpty else { return grew }
            grew = true
            offset += bytes.count
            take(bytes, line)
        }
    }

    /// Hands on what stands after the last line's end.
    mutating func finish(_ line: (String) -> Void) {
        if !partial.isEmpty { line(String(decoding: partial, as: UTF8.self)) }
        partial = []
    }

    private mutating func take(_ bytes: [UInt8], _ line: (String) -> Void) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            partial += rest[..<end]
            line(String(decoding: partial, as: UTF8.self))
            partial = []
            rest = rest[(end + 1)...]
        }
        partial += rest
        while partial.count > Self.longestLine {
            line(String(decoding: partial.prefix(Self.longestLine), as: UTF8.self))
            partial.removeFirst(Self.longestLine)
        }
    }
}
