/// What libcurl's callbacks have seen of one transfer.
///
/// Only the transfer's own thread touches it.
final class TransferRecord {
    static let headerByteLimit = 32_768
    static let headerCountLimit = 200

    private let bodyLimit: Int
    private(set) var status = 0
    private(set) var reason = ""
    private(set) var headers: [HTTPHeader] = []
    private(set) var body: [UInt8] = []
    private(set) var headerBytes = 0
    /// As it came, which for SMTP is the server's last answer.
    private(set) var lastLine = ""
    private var headerCount = 0
    /// The empty line after a final status has come.
    private(set) var isHeaderComplete = false
    /// Why a callback ended the transfer.
    private(set) var refusal: HTTPError?
    /// Every address that a connection was tried to.
    private(set) var addresses: [String] = []

    init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

    /// Returns whether the transfer may go on.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= bodyLimit else {
            refusal = .tooLarge(what: "the body is larger than \(bodyLimit) bytes; reading was stopped there")
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// Takes one line: a status, a header, a trailer or the empty one.
    ///
    /// Returns whether the transfer may go on.
    ///
    /// Interim answers (1xx) count too, so that an endless row of them ends.
    func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        headerCount += 1
        guard headerBytes <= Self.headerByteLimit, headerCount <= Self.headerCountLimit else {
            refusal = .tooLarge(
                what: "more than \(Self.headerCountLimit) headers or \(Self.headerByteLimit) bytes of them"
            )
            return false
        }
        let line = String(decoding: bytes, as: UTF8.self)
        lastLine = Self.trimmed(line[...])
        if line.hasPrefix("HTTP/") {
            begin(statusLine: line)
        } else if let colon = line.firstIndex(of: ":") {
            let name = String(line[..<colon])
            headers.append(HTTPHeader(name, Self.trimmed(line[line.index(after: colon)...])))
        } else if Self.trimmed(line[...]).isEmpty, status >= 200 {
            isHeaderComplete = true
        }
        return true
    }

    func note(address: String) { addresses.append(address) }

    func refuse(address: String, because reason: String) {
        refusal = .unreachable(address: address, reason: reason)
    }

    private func begin(statusLine: String) {
        let parts = statusLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        status = parts.count > 1 ? Int(Self.trimmed(parts[1])) ?? 0 : 0
        reason = parts.count > 2 ? Self.trimmed(parts[2]) : ""
        headers = []
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop(while: \.isWhitespace)
        let end = start.lastIndex { !$0.isWhitespace }
        return end.map { String(start[...$0]) } ?? ""
    }
}
