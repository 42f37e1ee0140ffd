/// Why `ssh` ended with status 255, as far as its own words tell.
package enum SSHComplaint: Hashable, Sendable {
    /// The host shows another key than the one that is kept.
    case changedKey(knownHosts: String?)
    /// No key of the host is kept.
    case unknownKey
    /// The host takes none of the user's keys.
    case denied
    /// No connection came about.
    case unreachable
    /// Anything else, such as a connection that was lost.
    case other

    /// The status with which `ssh` tells its own failure.
    package static let status: Int32 = 255

    package init(_ errors: String) {
        if Self.changed.contains(where: { errors.contains($0) }) {
            self = .changedKey(knownHosts: Self.offendingFile(in: errors))
        } else if Self.unknown.contains(where: { errors.contains($0) }) {
            self = .unknownKey
        } else if Self.denials.contains(where: { errors.contains($0) }) {
            self = .denied
        } else if Self.connecting.contains(where: { errors.contains($0) }) {
            self = .unreachable
        } else {
            self = .other
        }
    }

    /// Whether it is certain that nothing was started at the host.
    package var isBeforeStart: Bool { self != .other }

    /// What happened and what to do.
    ///
    /// `errors` are ssh's own words.
    package func message(_ host: SSHHost, errors: String) -> String {
        switch self {
        case .changedKey(let file):
            let place = file.map { " in \($0)" } ?? ""
            return """
                \(host) shows another host key than the one\(place): it may not be the host that it was. Nothing was \
                sent to it. Find out why, and only then replace the key\(place)
                """
        case .unknownKey:
            return """
                no host key of \(host) is known, and bgdeploy trusts none unseen: compare its fingerprint and add \
                it to ~/.ssh/known_hosts, for instance by `ssh \(host.name)` once by hand
                """
        case .denied:
            return "\(host) does not let us in: \(Self.lastLine(of: errors)); bgdeploy asks for no password"
        case .unreachable: return "\(host) cannot be reached: \(Self.lastLine(of: errors))"
        case .other:
            let text = Self.lastLine(of: errors)
            return "the connection to \(host) was lost" + (text.isEmpty ? "" : ": \(text)")
        }
    }

    private static let changed = ["REMOTE HOST IDENTIFICATION HAS CHANGED", "REVOKED HOST KEY DETECTED"]
    private static let unknown = ["Host key verification failed", "host key is known for"]
    private static let denials = ["Permission denied (", "Too many authentication failures"]
    private static let connecting = [
        "Could not resolve hostname", "Connection refused", "connect to host", "No route to host",
        "Network is unreachable", "Connection timed out during banner exchange",
        "kex_exchange_identification",
        "Unable to negotiate", "banner exchange",
    ]

    /// The path in `Offending ED25519 key in /home/ana/.ssh/known_hosts:3`.
    private static func offendingFile(in errors: String) -> String? {
        for line in errors.split(whereSeparator: \.isNewline) {
            guard line.contains("Offending"), let range = line.firstRange(of: " key in ") else { continue }
            return HarmlessText.cut(String(line[range.upperBound...].prefix(300)))
        }
        return nil
    }

    private static func lastLine(of errors: String) -> String {
        HarmlessText.cut(errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? "")
    }
}

/// Text from another host, for a person's terminal.
package enum HarmlessText {
    /// The end of `text`, at most `limit` characters, without what would steer a terminal.
    package static func cut(_ text: String, limit: Int = 1000) -> String {
        var result = ""
        for scalar in text.suffix(limit).unicodeScalars {
            switch scalar.value {
            case 0x0A: result.unicodeScalars.append(scalar)
            case 0x00...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        while result.last?.isWhitespace == true { result.removeLast() }
        return result
    }
}
