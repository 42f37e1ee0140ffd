internal import CCurl

extension Transfer {
    /// Tells libcurl what to send.
    func setUp(_ request: HTTPRequest) throws(HTTPError) {
        try Self.check(request)
        _ = bg_curl_set_text(easy, CURLOPT_URL, request.url)
        setMethod(of: request)
        setHeaders(of: request)
        if let endpoint = request.connectTo {
            // Empty first parts stand for any host and any port of the URL.
            setList(CURLOPT_CONNECT_TO, ["::\(endpoint)"])
        }
        if let path = request.unixSocket { _ = bg_curl_set_text(easy, CURLOPT_UNIX_SOCKET_PATH, path) }
        if let auth = request.basicAuth {
            _ = bg_curl_set_long(easy, CURLOPT_HTTPAUTH, 1)
            _ = bg_curl_set_text(easy, CURLOPT_USERNAME, auth.user)
            _ = bg_curl_set_text(easy, CURLOPT_PASSWORD, auth.password)
        }
        if let file = request.caFile { _ = bg_curl_set_text(easy, CURLOPT_CAINFO, file) }
    }

    private func setMethod(of request: HTTPRequest) {
        if let body = request.body {
            _ = body.withUnsafeBytes { bytes in
                bytes.baseAddress.map { bg_curl_set_body(easy, $0, Int(bytes.count)) }
                    ?? bg_curl_set_body(easy, "", 0)
            }
        } else if request.method == "HEAD" {
            _ = bg_curl_set_long(easy, CURLOPT_NOBODY, 1)
        } else if ["POST", "PUT", "PATCH"].contains(request.method) {
            _ = bg_curl_set_body(easy, "", 0)
        }
        _ = bg_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
    }

    private func setHeaders(of request: HTTPRequest) {
        var lines = request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        let names = Set(request.headers.map { $0.name.lowercased() })
        // A name without a value takes out what libcurl would add by itself.
        for name in ["Content-Type", "Expect"] where !names.contains(name.lowercased()) {
            lines.append("\(name):")
        }
        if !names.contains("user-agent") { lines.append("User-Agent: bgdeploy") }
        setList(CURLOPT_HTTPHEADER, lines)
    }

    private static func check(_ request: HTTPRequest) throws(HTTPError) {
        let scheme = request.url.prefix(8).lowercased()
        guard scheme.hasPrefix("http://") || scheme.hasPrefix("https://") else {
            throw .badRequest("only http:// and https:// are asked")
        }
        guard request.url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw .badRequest("the URL has a blank or a control character in it")
        }
        guard HTTPHeader.isToken(request.method) else {
            throw .badRequest("`\(request.method)` is not a method")
        }
        for header in request.headers {
            if let complaint = header.complaint { throw .badRequest(complaint) }
        }
    }
}
