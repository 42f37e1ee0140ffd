/// A server's address in one spelling, so that the playbook's and the balancer's can be compared.
struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    let description: String

    /// `host` is `host:80`, as nginx has it; host names are compared without regard to case.
    init(_ text: String) {
        guard !text.hasPrefix("unix:") else {
            description = text
            return
        }
        let lowered = text.lowercased()
        let afterBracket = lowered.lastIndex(of: "]").map { lowered.index(after: $0) }
        let tail = lowered[(afterBracket ?? lowered.startIndex)...]
        description = tail.contains(":") ? lowered : "\(lowered):80"
    }

    /// The host, without the brackets of an IPv6 address; `nil` for a socket in the file system.
    var host: String? {
        guard !description.hasPrefix("unix:"), let colon = description.lastIndex(of: ":") else { return nil }
        return String(description[..<colon].drop { $0 == "[" }.prefix { $0 != "]" })
    }

    var port: UInt16? {
        guard !description.hasPrefix("unix:") else { return nil }
        return description.split(separator: ":").last.flatMap { UInt16($0) }
    }

    /// The path of a socket in the file system.
    var socketPath: String? {
        description.hasPrefix("unix:") ? String(description.dropFirst("unix:".count)) : nil
    }
}
