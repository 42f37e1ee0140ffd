internal import CCurl
internal import Glibc
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

    /// What the header `Cookie` of a request that libcurl does not write holds; `nil` for none.
    package func header(host: String, path: String, isSecure: Bool) -> String? {
        let now = time(nil)
        let cookies = lines.withLock { $0.values.compactMap(Cookie.init) }
            .filter { $0.goes(to: host, path: path, isSecure: isSecure, at: now) }
            .sorted { ($1.path.utf8.count, $0.name) < ($0.path.utf8.count, $1.name) }
        return cookies.isEmpty ? nil : cookies.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
    }

    /// Takes over the values of the headers `Set-Cookie` of an answer that libcurl did not read.
    ///
    /// Does nothing without libcurl, which knows how to read them.
    package func take(setCookies: [String], host: String) {
        guard !setCookies.isEmpty, Int(bg_curl_load()) == bg_curl_ready, let easy = bg_curl_easy_init() else {
            return
        }
        defer { bg_curl_easy_cleanup(easy) }
        let before = load(into: easy)
        for line in setCookies where Cookie.domain(of: line).map({ host.isWithin($0) }) ?? true {
            let domain = Cookie.domain(of: line) == nil ? "; domain=\(host)" : ""
            _ = bg_curl_set_text(easy, CURLOPT_COOKIELIST, "Set-Cookie: \(line)\(domain)")
        }
        store(from: easy, before: before)
    }

    /// The fields are: domain, subdomains, path, secure, expiry, name, value.
    private static func key(of line: String) -> String? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count >= 7 else { return nil }
        return "\(fields[0])\t\(fields[2])\t\(fields[5])"
    }
}

/// A line of the Netscape format, taken apart.
private struct Cookie {
    let domain: Substring
    let isForSubdomains: Bool
    let path: String
    let isSecure: Bool
    /// In seconds since 1970; 0 for the end of the conversation.
    let expiry: Int
    let name: String
    let value: String

    init?(line: String) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count >= 7, let expiry = Int(fields[4]) else { return nil }
        let prefix = "#HttpOnly_"
        let domain = fields[0].hasPrefix(prefix) ? fields[0].dropFirst(prefix.count) : fields[0]
        self.domain = domain.hasPrefix(".") ? domain.dropFirst() : domain
        isForSubdomains = fields[1] == "TRUE"
        path = String(fields[2])
        isSecure = fields[3] == "TRUE"
        self.expiry = expiry
        name = String(fields[5])
        value = fields[6...].joined(separator: "\t")
    }

    func goes(to host: String, path asked: String, isSecure secure: Bool, at now: Int) -> Bool {
        let isHost = isForSubdomains ? host.isWithin(domain) : host.lowercased() == domain.lowercased()
        let place = asked.prefix { $0 != "?" }
        let isPath = place == path || place.hasPrefix(path.hasSuffix("/") ? path : path + "/")
        return isHost && isPath && (secure || !isSecure) && (expiry == 0 || expiry > now)
    }

    /// What a `Set-Cookie` names as its domain; `nil` when it is the host alone.
    static func domain(of setCookie: String) -> Substring? {
        for attribute in setCookie.split(separator: ";").dropFirst() {
            let parts = attribute.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "domain" else { continue }
            return parts[1].drop { $0 == "." }
        }
        return nil
    }
}

extension String {
    /// Whether this host is `domain` or below it.
    fileprivate func isWithin(_ domain: Substring) -> Bool {
        let (host, domain) = (lowercased(), domain.lowercased())
        return host == domain || domain.contains(".") && host.hasSuffix("." + domain)
    }
}
