/// Replaces secrets with `***` in a stream of bytes, wherever the chunks are cut.
///
/// Finds each value as it is, line by line, and in its base64, URL-encoded and JSON-escaped forms. Where several
/// match it takes the longest. Holds back at most as many bytes as the longest form has.
package struct Redactor: Sendable {
    package static let mask = "***"

    /// By first byte, the longest first.
    private let forms: [[[UInt8]]]
    private var held: [UInt8] = []

    /// Values under three bytes are not masked.
    package init(secrets: some Sequence<String>) {
        var forms = [[[UInt8]]](repeating: [], count: 256)
        for form in secrets.reduce(into: Set<[UInt8]>(), { $0.formUnion(SecretForms.all(of: $1)) }) {
            guard let first = form.first else { continue }
            forms[Int(first)].append(form)
        }
        self.forms = forms.map { $0.sorted { $0.count > $1.count } }
    }

    /// What is certain of the stream so far and was not yet given out.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        held += bytes
        return advance(atEnd: false)
    }

    /// The rest, when the stream has ended.
    package mutating func finish() -> [UInt8] { advance(atEnd: true) }

    /// A whole text at once.
    package func masked(_ text: String) -> String {
        var redactor = self
        redactor.held = Array(text.utf8)
        return String(decoding: redactor.finish(), as: UTF8.self)
    }

    package static func mask(_ text: String, secrets: some Sequence<String>) -> String {
        Redactor(secrets: secrets).masked(text)
    }

    private enum Match {
        case none
        case form(length: Int)
        /// The bytes end within a form that would be longer than any that matches.
        case undecided
    }

    private mutating func advance(atEnd: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(held.count)
        let consumed = held.withUnsafeBufferPointer { bytes -> Int in
            var position = 0
            var plainStart = 0
            while position < bytes.count {
                switch match(bytes, at: position, atEnd: atEnd) {
                case .none: position += 1
                case .form(let length):
                    result += bytes[plainStart..<position]
                    result += Redactor.mask.utf8
                    position += length
                    plainStart = position
                case .undecided:
                    result += bytes[plainStart..<position]
                    return position
                }
            }
            result += bytes[plainStart..<position]
            return position
        }
        held.removeFirst(consumed)
        return result
    }

    private func match(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int, atEnd: Bool) -> Match {
        let candidates = forms[Int(bytes[start])]
        let available = bytes.count - start
        for form in candidates {
            var length = 1
            while length < min(form.count, available), form[length] == bytes[start + length] { length += 1 }
            if length == form.count { return .form(length: length) }
            if length == available, !atEnd { return .undecided }
        }
        return .none
    }
}
