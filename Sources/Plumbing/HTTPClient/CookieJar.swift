internal import CCurl
internal import Synchronization

/// The cookies of one conversation, kept by libcurl's rules for domains, paths and expiry.
///
/// Requests side by side may share a jar: each adds, replaces and removes what its own answer said.
package final class CookieJar: Sendable, Hashable {
    /// By domain, path and name: a line of the Netscape format, as libcurl reads and writes it.
    private let lines = Mutex<[String: String]>([:])

    package init() {}

    package static func == (left: CookieJar, right: CookieJar) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// Hands the cookies to a transfer; returns what it was given.
    func load(into easy: UnsafeMutableRawPointer) -> [String: String] {
        let now = lines.withLock { $0 }
        // An empty file name switches the cookie engine on.
        _ = bg_curl_set_text(easy, CURLOPT_COOKIEFILE, "")
        for line in now.values { _ = bg_curl_set_text(easy, CURLOPT_COOKIELIST, line) }
        return now
    }

    /// Takes over what the answer set, and forgets what it removed of `before`.
    func store(from easy: UnsafeMutableRawPointer, before: [String: String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        _ = bg_curl_get_list(easy, CURLINFO_COOKIELIST, &list)
        defer { bg_curl_slist_free_all(list) }
        var after: [String: String] = [:]
        var node = list
        while let current = node {
            if let text = current.pointee.data {
                let line = String(cString: text)
                if let key = Self.key(of: line) { after[key] = line }
            }
            node = current.pointee.next
        }
        let kept = after
        lines.withLock { lines in
            for key in before.keys where kept[key] == nil { lines[key] = nil }
            lines.merge(kept) { _, new in new }
        }
    }

    /// The fields are: domain, subdomains, path, secure, expiry, name, value.
    private static func key(of line: String) -> String? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count >= 7 else { return nil }
        return "\(fields[0])\t\(fields[2])\t\(fields[5])"
    }
}
