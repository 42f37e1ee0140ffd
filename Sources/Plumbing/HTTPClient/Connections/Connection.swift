internal import CCurl

/// A byte stream over TCP, a Unix socket or TLS, which libcurl opened.
///
/// Lives on the thread of its ``ConnectionSet``; reading and writing never block.
package final class Connection {
    package enum State: Equatable {
        case opening
        case open
        case failed(HTTPError)
        case closed
    }

    package enum Incoming: Equatable {
        case bytes([UInt8])
        /// Nothing has come yet.
        case nothing
        /// The other side has closed.
        case ended
    }

    package internal(set) var state = State.opening
    /// Something may be read, or written where ``wantsToWrite``.
    package internal(set) var isReady = false
    /// Whether ``ConnectionSet/wait(atMost:)`` also waits for room to write.
    package var wantsToWrite = false

    let transfer: Transfer
    private let deadline: Duration

    init(to target: ConnectionTarget, deadline: Duration, multi: CurlMulti) throws(HTTPError) {
        self.deadline = deadline
        transfer = try Transfer(target: target.url, bodyLimit: 0, multi: multi)
        transfer.connectOnly()
        transfer.setDeadline(deadline)
        let easy = transfer.easy
        if let endpoint = target.connectTo { transfer.setList(CURLOPT_CONNECT_TO, ["::\(endpoint)"]) }
        if let path = target.unixSocket { _ = bg_curl_set_text(easy, CURLOPT_UNIX_SOCKET_PATH, path) }
        if let file = target.caFile { _ = bg_curl_set_text(easy, CURLOPT_CAINFO, file) }
        if target.minimumTLS == .v13 {
            _ = bg_curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_3))
        }
        if !target.offersHTTP { _ = bg_curl_set_long(easy, CURLOPT_SSL_ENABLE_ALPN, 0) }
        if target.keepsCertificates { _ = bg_curl_set_long(easy, CURLOPT_CERTINFO, 1) }
    }

    /// From the start of the name's look-up until the connection, with its TLS, was there.
    package var openedAfter: Duration {
        max(transfer.time(CURLINFO_CONNECT_TIME_T), transfer.time(CURLINFO_APPCONNECT_TIME_T))
    }

    /// The address that answered.
    package var address: String { transfer.record.addresses.last ?? "" }

    /// What libcurl says of the transfer that opens the connection.
    func opened(with code: CURLcode) {
        isReady = true
        state = transfer.error(for: code, deadline: deadline).map { .failed($0) } ?? .open
    }

    package func read() throws(HTTPError) -> Incoming {
        guard state == .open else { return .ended }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while bytes.count < 1 << 18 {
            var count = 0
            let code = bg_curl_easy_recv(transfer.easy, &chunk, chunk.count, &count)
            switch code {
            case CURLE_OK where count > 0: bytes.append(contentsOf: chunk[..<count])
            case CURLE_OK, CURLE_GOT_NOTHING, CURLE_UNSUPPORTED_PROTOCOL:
                // The last is how libcurl says that it sees the connection closed.
                return bytes.isEmpty ? .ended : .bytes(bytes)
            case CURLE_AGAIN: return bytes.isEmpty ? .nothing : .bytes(bytes)
            default:
                guard bytes.isEmpty else { return .bytes(bytes) }
                throw .cutOff(reason: "the connection broke: \(transfer.reason(code))")
            }
        }
        return .bytes(bytes)
    }

    /// Returns how many of `bytes` were taken, which may be none.
    package func write(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> Int {
        guard state == .open, !bytes.isEmpty else { return 0 }
        var count = 0
        let code = bytes.withUnsafeBytes { buffer in
            bg_curl_easy_send(transfer.easy, buffer.baseAddress, buffer.count, &count)
        }
        guard code == CURLE_OK || code == CURLE_AGAIN else {
            throw .cutOff(reason: "the connection broke: \(transfer.reason(code))")
        }
        return code == CURLE_OK ? count : 0
    }

    /// `nil` when there is none.
    var descriptor: curl_socket_t? {
        var socket: curl_socket_t = -1
        _ = bg_curl_get_socket(transfer.easy, CURLINFO_ACTIVESOCKET, &socket)
        return socket >= 0 ? socket : nil
    }
}
