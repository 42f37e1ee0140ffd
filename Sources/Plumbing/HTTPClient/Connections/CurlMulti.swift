internal import CCurl

/// libcurl's handle for transfers that one thread drives side by side.
final class CurlMulti {
    let handle: UnsafeMutableRawPointer

    /// Throws `.badRequest` without libcurl, and without memory.
    init() throws(HTTPError) {
        try Transfer.loadLibrary()
        guard let handle = bg_curl_multi_init() else { throw Self.noMemory }
        self.handle = handle
    }

    deinit { bg_curl_multi_cleanup(handle) }

    static let noMemory = HTTPError.badRequest("libcurl could not be started: no memory")
}
