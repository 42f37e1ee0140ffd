internal import CCurl
internal import Glibc

/// One libcurl transfer, from its handles to their end.
///
/// Lives on one thread.
final class Transfer {
    let record: TransferRecord
    let easy: UnsafeMutableRawPointer
    /// The URL.
    let target: String
    private let multi: CurlMulti
    private let errorText: UnsafeMutablePointer<CChar>
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    /// Throws `.badRequest` without libcurl, and without memory.
    init(target: String, bodyLimit: Int, multi: CurlMulti) throws(HTTPError) {
        guard let easy = bg_curl_easy_init() else { throw CurlMulti.noMemory }
        self.easy = easy
        self.multi = multi
        self.target = target
        record = TransferRecord(bodyLimit: bodyLimit)
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setUpSafety()
        setUpCallbacks()
    }

    deinit {
        // Out of `multi` too, which lives longer.
        bg_curl_easy_cleanup(easy)
        for list in lists { bg_curl_slist_free_all(list) }
        errorText.deallocate()
    }

    /// What libcurl said of its last mistake, which may be nothing.
    var complaint: String { String(cString: errorText) }

    static func response(to request: HTTPRequest, stop: StopSwitch) -> Result<HTTPResponse, HTTPError> {
        Result { () throws(HTTPError) in
            let transfer = try Transfer(
                target: request.url,
                bodyLimit: request.bodyLimit,
                multi: CurlMulti()
            )
            try transfer.setUp(request)
            let cookies = request.cookies.map { ($0, $0.load(into: transfer.easy)) }
            try transfer.perform(
                deadline: request.deadline,
                connectDeadline: request.connectDeadline,
                stop: stop
            )
            if let (jar, before) = cookies { jar.store(from: transfer.easy, before: before) }
            return try transfer.makeResponse()
        }
    }

    static func connectTime(
        to endpoint: HTTPEndpoint,
        deadline: Duration,
        stop: StopSwitch
    ) -> Result<Duration, HTTPError> {
        Result { () throws(HTTPError) in
            let transfer = try Transfer(target: "http://\(endpoint)/", bodyLimit: 0, multi: CurlMulti())
            transfer.connectOnly()
            try transfer.perform(deadline: deadline, stop: stop)
            return transfer.time(CURLINFO_CONNECT_TIME_T)
        }
    }

    /// Stops where the request would be sent: the connection is there, with TLS where the URL says https.
    func connectOnly() {
        _ = bg_curl_set_text(easy, CURLOPT_URL, target)
        _ = bg_curl_set_long(easy, CURLOPT_CONNECT_ONLY, 1)
    }

    /// For everything until the transfer is done.
    func setDeadline(_ deadline: Duration) {
        _ = bg_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, deadline.wholeMilliseconds))
    }

    /// Gives libcurl a list that lives as long as the transfer.
    func setList(_ option: CURLoption, _ items: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for item in items { list = bg_curl_slist_append(list, item) }
        guard let list else { return }
        lists.append(list)
        _ = bg_curl_set_list(easy, option, list)
    }

    func perform(
        deadline: Duration,
        connectDeadline: Duration? = nil,
        stop: StopSwitch
    ) throws(HTTPError) {
        setDeadline(deadline)
        if let connectDeadline {
            _ = bg_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, connectDeadline.wholeMilliseconds))
        }
        stop.attach(multi.handle)
        defer { stop.detach() }
        let code = drive(stop: stop)
        if let error = error(for: code, deadline: deadline, connectDeadline: connectDeadline) { throw error }
    }

    /// Runs the transfer to its end; the timers are libcurl's own.
    private func drive(stop: StopSwitch) -> CURLcode {
        let multi = multi.handle
        bg_curl_multi_add_handle(multi, easy)
        defer { bg_curl_multi_remove_handle(multi, easy) }
        var running: Int32 = 1
        while !stop.isClosed {
            guard bg_curl_multi_perform(multi, &running) == CURLM_OK else { return CURLE_OUT_OF_MEMORY }
            guard running > 0 else { return result() }
            bg_curl_multi_poll(multi, nil, 0, 1000, nil)
        }
        return CURLE_ABORTED_BY_CALLBACK
    }

    private func result() -> CURLcode {
        var left: Int32 = 0
        while let message = bg_curl_multi_info_read(multi.handle, &left) {
            if message.pointee.msg == CURLMSG_DONE { return message.pointee.data.result }
        }
        return CURLE_ABORTED_BY_CALLBACK
    }

    private func setUpSafety() {
        _ = bg_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = bg_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = bg_curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = bg_curl_set_text(easy, CURLOPT_PROXY, "")
        _ = bg_curl_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        _ = bg_curl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        _ = bg_curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        _ = bg_curl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        // A resolver that hangs is left behind at the deadline instead of being waited for.
        _ = bg_curl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        _ = bg_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    }

    private func setUpCallbacks() {
        let context = Unmanaged.passUnretained(record).toOpaque()
        _ = bg_curl_set_write(
            easy,
            { start, size, count, context in
                guard let record = TransferRecord.behind(context) else { return 0 }
                let bytes = UnsafeRawBufferPointer(start: start, count: size * count)
                return record.takeBody(bytes) ? size * count : 0
            },
            context
        )
        _ = bg_curl_set_header(
            easy,
            { start, size, count, context in
                guard let record = TransferRecord.behind(context) else { return 0 }
                let bytes = UnsafeRawBufferPointer(start: start, count: size * count)
                return record.takeHeader(bytes) ? size * count : 0
            },
            context
        )
        _ = bg_curl_set_socket(
            easy,
            { context, _, address in
                guard let record = TransferRecord.behind(context), let address else { return -1 }
                let peer = PeerAddress(at: address)
                record.note(address: peer.description)
                guard !peer.isForbidden else {
                    record.refuse(address: peer.description, because: "link-local addresses are never asked")
                    return -1
                }
                let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
                return socket(address.pointee.family, kind, address.pointee.protocol)
            },
            context
        )
    }
}

extension TransferRecord {
    fileprivate static func behind(_ context: UnsafeMutableRawPointer?) -> TransferRecord? {
        context.map { Unmanaged<TransferRecord>.fromOpaque($0).takeUnretainedValue() }
    }
}
