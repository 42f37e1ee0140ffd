/// A whole answer.
package struct HTTPResponse: Hashable, Sendable {
    package let status: Int
    /// The words after the status, as they came; may be empty.
    package let reason: String
    /// In the order in which they came; bytes that are not UTF-8 are replaced.
    package let headers: [HTTPHeader]
    package let body: [UInt8]
    /// From the start of the name's look-up to the last byte, in whole microseconds.
    package let duration: Duration
    /// The address that answered: `127.0.0.1:5002`, `[::1]:80`, or a socket's path.
    package let connectedTo: String

    /// Every value of the header `name`, whatever its case.
    package func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}
