internal import CCurl

extension Transfer {
    /// Makes libcurl's functions callable, for the process and for good.
    ///
    /// A library that was missing once stays missing until the next start.
    static func loadLibrary() throws(HTTPError) {
        let state = Int(bg_curl_load())
        guard state != bg_curl_ready else { return }
        throw libraryError(state: state, reason: String(cString: bg_curl_load_error()))
    }

    /// `.badRequest`: trying again changes nothing.
    static func libraryError(state: Int, reason: String) -> HTTPError {
        state == bg_curl_absent
            ? .badRequest("libcurl is not installed: apt-get install libcurl4 (\(reason))")
            : .badRequest("libcurl cannot be used: \(reason)")
    }
}
