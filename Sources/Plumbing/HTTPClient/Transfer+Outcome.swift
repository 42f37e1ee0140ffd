internal import CCurl
internal import Glibc

extension Transfer {
    func makeResponse() throws(HTTPError) -> HTTPResponse {
        guard (100...999).contains(record.status) else {
            throw .malformed(reason: "it has no status")
        }
        return HTTPResponse(
            status: record.status,
            reason: record.reason,
            headers: record.headers,
            body: record.body,
            duration: time(CURLINFO_TOTAL_TIME_T),
            connectedTo: record.addresses.last ?? ""
        )
    }

    /// libcurl counts times in microseconds from the start of the transfer; zero is "not reached".
    func time(_ info: CURLINFO) -> Duration {
        var microseconds: curl_off_t = 0
        _ = bg_curl_get_offset(easy, info, &microseconds)
        return .microseconds(microseconds)
    }

    /// `nil` for a transfer that went well.
    func error(for code: CURLcode, deadline: Duration, connectDeadline: Duration? = nil) -> HTTPError? {
        if let refusal = record.refusal, code != CURLE_OK { return refusal }
        switch code {
        case CURLE_OK: return nil
        case CURLE_ABORTED_BY_CALLBACK: return .cancelled
        case CURLE_OPERATION_TIMEDOUT:
            let phase = phase
            let limit = phase.isBeforeRequest ? connectDeadline ?? deadline : deadline
            return .timedOut(after: limit, phase: phase)
        case CURLE_COULDNT_RESOLVE_HOST: return .unresolved(host: host)
        case CURLE_COULDNT_CONNECT: return connectError
        case CURLE_PEER_FAILED_VERIFICATION:
            return .tls(reason: "the certificate is not trusted: \(reason(code))")
        case CURLE_USE_SSL_FAILED: return .tls(reason: "the server offers no TLS")
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_NOTFOUND:
            return .tls(reason: "the TLS handshake failed: \(reason(code))")
        case CURLE_SSL_CACERT_BADFILE: return .badRequest("the authorities' file: \(reason(code))")
        case CURLE_URL_MALFORMAT:
            return .badRequest("not a URL that can be asked: \(reason(code))")
        case CURLE_LOGIN_DENIED:
            return .badRequest("a user in the URL would be seen in every log; give it by itself")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING:
            return .malformed(reason: reason(code))
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING:
            return .cutOff(reason: cutOffReason(code))
        default: return .malformed(reason: reason(code))
        }
    }

    private var phase: HTTPError.TimeoutPhase {
        let connected = time(CURLINFO_CONNECT_TIME_T)
        if record.addresses.isEmpty { return .resolving(host: host) }
        if isSecure, time(CURLINFO_APPCONNECT_TIME_T) == .zero {
            // libcurl counts the handshake as a part of connecting; a local port is there once TCP is through.
            var port = 0
            _ = bg_curl_get_long(easy, CURLINFO_LOCAL_PORT, &port)
            return port > 0 ? .handshake(address: addresses) : .connecting(address: addresses)
        }
        if connected == .zero { return .connecting(address: addresses) }
        if record.body.isEmpty, !record.isHeaderComplete {
            return .waiting(connectedAfter: connected, headerBytes: record.headerBytes)
        }
        return .receiving(status: record.status, bodyBytes: record.body.count)
    }

    private var connectError: HTTPError {
        var number = 0
        _ = bg_curl_get_long(easy, CURLINFO_OS_ERRNO, &number)
        if number == Int(ECONNREFUSED) { return .refused(address: addresses) }
        let reason = number == 0 ? reason(CURLE_COULDNT_CONNECT) : String(cString: strerror(Int32(number)))
        return .unreachable(address: addresses, reason: reason)
    }

    private var addresses: String {
        record.addresses.isEmpty ? host : record.addresses.joined(separator: " or ")
    }

    private func cutOffReason(_ code: CURLcode) -> String {
        let came =
            record.status == 0
            ? "before any answer" : "after status \(record.status) and \(record.body.count) bytes of the body"
        return "the connection ended \(came): \(reason(code))"
    }

    func reason(_ code: CURLcode) -> String {
        let text = complaint.isEmpty ? String(cString: bg_curl_easy_strerror(code)) : complaint
        let prefix = "SSL certificate problem: "
        return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    private var isSecure: Bool { target.lowercased().hasPrefix("https:") }

    /// The host of the URL that was asked for, with its port where it has one.
    private var host: String {
        let rest = target.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first
        return rest.map(String.init) ?? target
    }
}
